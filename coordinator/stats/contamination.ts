import { strict as assert } from "node:assert";

/** Runs whose agent could see the grader, counted. */
export interface PeekCounts {
  /** Valid runs. */
  readonly runs: number;
  /** Of these, those that passed the hidden tests. */
  readonly passed: number;
  /** Of `runs`, those whose agent saw the grader. */
  readonly peeked: number;
  /** Of `peeked`, those that passed. */
  readonly peekedPassed: number;
}

/** Pass rates in [0, 1] under each way of counting a run that peeked; null without a run to count. */
export interface Contamination {
  /** As the hidden tests said. */
  readonly asMeasured: number | null;
  /** The headline: whoever peeked failed. */
  readonly peekedAsFailed: number | null;
  /** Of the runs that did not peek; biased if agents peek where tasks are hard. */
  readonly excluded: number | null;
  /** Bounds if nothing is assumed about the honest outcome of a run that peeked (Manski 1990). */
  readonly boundLow: number | null;
  readonly boundHigh: number | null;
  /** The upper bound if a peek never turns a pass into a failure. */
  readonly boundHighIfPeekingNeverHurts: number | null;
}

/**
 * What a harness scores when some of its agents saw the grader. What is taken off is the runs that
 * peeked and passed, not all that peeked: the others failed already.
 * @throws AssertionError for counts that cannot be, such as more passed than there are runs.
 */
export function contamination({ runs, passed, peeked, peekedPassed }: PeekCounts): Contamination {
  const honest = runs - peeked;
  const honestPassed = passed - peekedPassed;
  assert(
    [runs, passed, peeked, peekedPassed].every((count) => Number.isInteger(count) && count >= 0) &&
      peekedPassed <= peeked &&
      honestPassed >= 0 &&
      honestPassed <= honest,
    `${passed} of ${runs} runs cannot have passed if ${peekedPassed} of ${peeked} that peeked did`,
  );
  const rate = (count: number, of: number): number | null => (of === 0 ? null : count / of);
  return {
    asMeasured: rate(passed, runs),
    peekedAsFailed: rate(honestPassed, runs),
    excluded: rate(honestPassed, honest),
    boundLow: rate(honestPassed, runs),
    boundHigh: rate(honestPassed + peeked, runs),
    boundHighIfPeekingNeverHurts: rate(passed, runs),
  };
}
