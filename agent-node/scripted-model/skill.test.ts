import { describe, expect, it } from "vitest";
import { decide, lot } from "./skill.ts";

const occasion = { model: "m", task: "t", seed: 1, request: "bash(command)" };

describe("the skill of a scripted model", () => {
  it("falls on a known point for a known occasion", () => {
    expect(lot(occasion)).toBeCloseTo(0.461996, 6);
  });

  it("draws again when any part of the occasion changes", () => {
    const lots = [
      occasion,
      { ...occasion, model: "n" },
      { ...occasion, task: "u" },
      { ...occasion, seed: 2 },
      { ...occasion, request: "Bash(command)" },
    ].map(lot);
    expect(new Set(lots).size).toBe(lots.length);
  });

  it("solves about the stated share of runs", () => {
    const skills = { default: { right: 0.7, stall: 0.1 } };
    const conducts = Array.from({ length: 2000 }, (_, seed) =>
      decide(skills, { ...occasion, seed }),
    );
    const share = (conduct: string) => conducts.filter((one) => one === conduct).length / 2000;
    expect(share("right")).toBeCloseTo(0.7, 1);
    expect(share("stall")).toBeCloseTo(0.1, 1);
    expect(share("wrong")).toBeCloseTo(0.2, 1);
  });

  it("prefers the skill of the task to the default", () => {
    const skills = { default: { right: 1, stall: 0 }, t: { right: 0, stall: 0 } };
    expect(decide(skills, occasion)).toBe("wrong");
    expect(decide(skills, { ...occasion, task: "u" })).toBe("right");
  });
});
