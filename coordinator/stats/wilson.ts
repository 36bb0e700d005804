/** Quantile 0.975 of the standard normal distribution. */
const z = 1.959963984540054;

/** A share with the limits of its 95 % interval, all in [0, 1]. */
export interface RateInterval {
  readonly estimate: number;
  readonly lower: number;
  readonly upper: number;
}

/**
 * Wilson's score interval (1927) for `passed` of `runs`, at 95 %. It is right for runs that share one
 * probability: the seeds of a cell, or one run of each of several tasks taken as a sample of tasks.
 *
 * @returns null without a run, where nothing is known
 */
export function wilson(passed: number, runs: number): RateInterval | null {
  if (runs === 0) return null;
  const estimate = passed / runs;
  const widening = z ** 2 / runs;
  const centre = (estimate + widening / 2) / (1 + widening);
  const half =
    (z / (1 + widening)) * Math.sqrt((estimate * (1 - estimate)) / runs + widening / (4 * runs));
  // At none and at all, the limit is exact; rounding would leave a trace beside it.
  return {
    estimate,
    lower: passed === 0 ? 0 : Math.max(0, centre - half),
    upper: passed === runs ? 1 : Math.min(1, centre + half),
  };
}

/**
 * `passed` of `runs` in percent with one decimal, halves rounded to even and computed from the counts
 * so that no binary fraction decides: 65 of 80 is 81.2, and 55 of 80 is 68.8.
 *
 * @returns null without a run
 */
export function percentHalfEven(passed: number, runs: number): string | null {
  if (runs === 0) return null;
  const scaled = passed * 1_000;
  const floor = Math.floor(scaled / runs);
  const twiceRest = (scaled - floor * runs) * 2;
  const roundsUp = twiceRest > runs || (twiceRest === runs && floor % 2 === 1);
  return ((floor + (roundsUp ? 1 : 0)) / 10).toFixed(1);
}
