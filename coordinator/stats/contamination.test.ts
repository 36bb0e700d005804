import * as fc from "fast-check";
import { expect, test } from "vitest";
import { contamination } from "./contamination.ts";

/** Computed independently with another implementation. */
test.each([
  [
    { runs: 160, passed: 102, peeked: 14, peekedPassed: 13 },
    {
      asMeasured: 0.6375,
      peekedAsFailed: 0.55625,
      excluded: 0.6095890410958904,
      boundLow: 0.55625,
      boundHigh: 0.64375,
      boundHighIfPeekingNeverHurts: 0.6375,
    },
  ],
  [
    { runs: 160, passed: 102, peeked: 14, peekedPassed: 14 },
    {
      asMeasured: 0.6375,
      peekedAsFailed: 0.55,
      excluded: 0.6027397260273972,
      boundLow: 0.55,
      boundHigh: 0.6375,
      boundHighIfPeekingNeverHurts: 0.6375,
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
  const none = contamination({ runs: 0, passed: 0, peeked: 0, peekedPassed: 0 });
  expect(Object.values(none)).toEqual([null, null, null, null, null, null]);
  const all = contamination({ runs: 2, passed: 2, peeked: 2, peekedPassed: 2 });
  expect(all).toMatchObject({ peekedAsFailed: 0, excluded: null, boundHigh: 1 });
});

test.each([
  { runs: 1, passed: 2, peeked: 0, peekedPassed: 0 },
  { runs: 3, passed: 1, peeked: 2, peekedPassed: 2 },
  { runs: 3, passed: 3, peeked: 1, peekedPassed: 0 },
  { runs: 3, passed: 1.5, peeked: 1, peekedPassed: 0 },
])("%o cannot be", (counts) => {
  expect(() => contamination(counts)).toThrow(/cannot have passed/);
});

const counts = fc
  .tuple(fc.nat(200), fc.nat(200), fc.nat(200), fc.nat(200))
  .filter(([honest, , peeked]) => honest + peeked > 0)
  .map(([honest, honestPassed, peeked, peekedPassed]) => {
    const passed = Math.min(honest, honestPassed);
    const peekedAndPassed = Math.min(peeked, peekedPassed);
    return {
      runs: honest + peeked,
      passed: passed + peekedAndPassed,
      peeked,
      peekedPassed: peekedAndPassed,
    };
  });

test("what was measured lies within the bounds, whose width is the share that peeked", () => {
  fc.assert(
    fc.property(counts, (some) => {
      const { asMeasured, boundLow, boundHigh } = contamination(some);
      expect(asMeasured!).toBeGreaterThanOrEqual(boundLow!);
      expect(asMeasured!).toBeLessThanOrEqual(boundHigh!);
      expect(boundHigh! - boundLow!).toBeCloseTo(some.peeked / some.runs, 9);
    }),
  );
});
