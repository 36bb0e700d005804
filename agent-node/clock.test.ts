import { expect, test } from "vitest";
import { sleepAwareClock } from "./clock.ts";

function aClock(): { now: () => number; monotonicMs: number; wallMs: number } {
  const state = { now: () => 0, monotonicMs: 500, wallMs: 1_000_000 };
  state.now = sleepAwareClock({
    monotonicMs: () => state.monotonicMs,
    wallMs: () => state.wallMs,
  });
  return state;
}

test("time that the machine slept has passed", () => {
  const clock = aClock();
  clock.monotonicMs += 10;
  clock.wallMs += 60_000;
  expect(clock.now()).toBe(60_000);
});

test("a wall clock that is set back takes no time away", () => {
  const clock = aClock();
  clock.monotonicMs += 10;
  clock.wallMs -= 60_000;
  expect(clock.now()).toBe(10);
  clock.monotonicMs += 5;
  clock.wallMs += 5;
  expect(clock.now()).toBe(15);
});
