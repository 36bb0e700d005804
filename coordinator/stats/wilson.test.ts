import * as fc from "fast-check";
import { expect, test } from "vitest";
import { percentHalfEven, wilson } from "./wilson.ts";

/** Computed independently with another implementation of the formula. */
test.each([
  [16, 16, 0.8063923194655637, 1],
  [15, 16, 0.7167126242970107, 0.9888806552353576],
  [0, 16, 0, 0.1936076805344365],
  [13, 16, 0.5699111903802586, 0.9340840092857187],
  [88, 160, 0.47264168355307296, 0.6250136969297766],
  [3, 3, 0.43850296824495455, 1],
])("the interval of %i of %i is %d to %d", (passed, runs, lower, upper) => {
  const interval = wilson(passed, runs);
  expect(interval?.estimate).toBe(passed / runs);
  expect(interval?.lower).toBeCloseTo(lower, 9);
  expect(interval?.upper).toBeCloseTo(upper, 9);
});

test("without a run there is neither interval nor percentage", () => {
  expect(wilson(0, 0)).toBeNull();
  expect(percentHalfEven(0, 0)).toBeNull();
});

test("an interval lies in [0, 1] around its estimate, and exchanging pass and fail mirrors it", () => {
  const counts = fc
    .integer({ min: 1, max: 5_000 })
    .chain((runs) => fc.tuple(fc.integer({ min: 0, max: runs }), fc.constant(runs)));
  fc.assert(
    fc.property(counts, ([passed, runs]) => {
      const interval = wilson(passed, runs)!;
      const mirrored = wilson(runs - passed, runs)!;
      expect(interval.lower).toBeGreaterThanOrEqual(0);
      expect(interval.lower).toBeLessThanOrEqual(interval.estimate);
      expect(interval.upper).toBeGreaterThanOrEqual(interval.estimate);
      expect(interval.upper).toBeLessThanOrEqual(1);
      expect(interval.lower).toBeCloseTo(1 - mirrored.upper, 9);
    }),
  );
});

test.each([
  [65, 80, "81.2"],
  [55, 80, "68.8"],
  [106, 160, "66.2"],
  [80, 80, "100.0"],
  [0, 7, "0.0"],
  [1, 3, "33.3"],
  [2, 3, "66.7"],
])("%i of %i is printed as %s %%", (passed, runs, printed) => {
  expect(percentHalfEven(passed, runs)).toBe(printed);
});
