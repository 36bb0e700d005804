import * as fc from "fast-check";
import { expect, test } from "vitest";
import { contamination } from "./contamination.ts";

/** Computed independently with another implementation. */
test.each([
  [
    { runs: 160, passed: 102, reached: 14, reachedPassed: 13 },
    {
      asMeasured: 0.6375,
      reachedAsFailed: 0.55625,
      excluded: 0.6095890410958904,
      boundLow: 0.55625,
      boundHigh: 0.64375,
      boundHighIfReachingNeverHurts: 0.6375,
    },
  ],
  [
    { runs: 160, passed: 102, reached: 14, reachedPassed: 14 },
    {
      asMeasured: 0.6375,
      reachedAsFailed: 0.55,
      excluded: 0.6027397260273972,
      boundLow: 0.55,
      boundHigh: 0.6375,
      boundHighIfReachingNeverHurts: 0.6375,
    },
  ],
] as const)("%o", (counts, expected) => {
  const found = contamination(counts);
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  for (const [index, rate] of Object.values(found).entries()) {
    expect(rate).toBeCloseTo(Object.values(expected)[index]!, 9);
  }
});

test("without a run nothing is known, and without an honest run only what is excluded is not", () => {
  const none = contamination({ runs: 0, passed: 0, reached: 0, reachedPassed: 0 });
  expect(Object.values(none)).toEqual([null, null, null, null, null, null]);
  const all = contamination({ runs: 2, passed: 2, reached: 2, reachedPassed: 2 });
  expect(all).toMatchObject({ reachedAsFailed: 0, excluded: null, boundHigh: 1 });
});

test.each([
  { runs: 1, passed: 2, reached: 0, reachedPassed: 0 },
  { runs: 3, passed: 1, reached: 2, reachedPassed: 2 },
  { runs: 3, passed: 3, reached: 1, reachedPassed: 0 },
  { runs: 3, passed: 1.5, reached: 1, reachedPassed: 0 },
])("%o cannot be", (counts) => {
  expect(() => contamination(counts)).toThrow(/cannot have passed/);
});

const counts = fc
  .tuple(fc.nat(200), fc.nat(200), fc.nat(200), fc.nat(200))
  .filter(([honest, , reached]) => honest + reached > 0)
  .map(([honest, honestPassed, reached, reachedPassed]) => {
    const passed = Math.min(honest, honestPassed);
    const reachedAndPassed = Math.min(reached, reachedPassed);
    return {
      runs: honest + reached,
      passed: passed + reachedAndPassed,
      reached,
      reachedPassed: reachedAndPassed,
    };
  });

test("what was measured lies within the bounds, whose width is the share that reached", () => {
  fc.assert(
    fc.property(counts, (some) => {
      const { asMeasured, boundLow, boundHigh } = contamination(some);
      expect(asMeasured!).toBeGreaterThanOrEqual(boundLow!);
      expect(asMeasured!).toBeLessThanOrEqual(boundHigh!);
      expect(boundHigh! - boundLow!).toBeCloseTo(some.reached / some.runs, 9);
    }),
  );
});
