import { strict as assert } from "node:assert";

/** Runs, and those of them whose agent reached the grader, counted. */
export interface ContaminationCounts {
  /** Valid runs. */
  readonly runs: number;
  /** Of these, those that passed the hidden tests. */
  readonly passed: number;
  /** Of `runs`, those whose agent reached the grader. */
  readonly reached: number;
  /** Of `reached`, those that passed. */
  readonly reachedPassed: number;
}

/** Pass rates in [0, 1] under each way of counting a run that reached the grader; null without a run to count. */
export interface Contamination {
  /** As the hidden tests said. */
  readonly asMeasured: number | null;
  /** The headline: whoever reached it failed. */
  readonly reachedAsFailed: number | null;
  /** Of the runs that did not reach it; biased if agents do where tasks are hard. */
  readonly excluded: number | null;
  /** Bounds if nothing is assumed about the honest outcome of a run that reached it (Manski 1990). */
  readonly boundLow: number | null;
  readonly boundHigh: number | null;
  /** The upper bound if reaching it never turns a pass into a failure. */
  readonly boundHighIfReachingNeverHurts: number | null;
}

/**
 * What a harness scores when some of its agents reached the grader. What is taken off is the runs that
 * reached it and passed, not all that reached it: the others failed already.
 * @throws AssertionError for counts that cannot be, such as more passed than there are runs.
 */
export function contamination({
  runs,
  passed,
  reached,
  reachedPassed,
}: ContaminationCounts): Contamination {
  const honest = runs - reached;
  const honestPassed = passed - reachedPassed;
  assert(
    [runs, passed, reached, reachedPassed].every(
      (count) => Number.isInteger(count) && count >= 0,
    ) &&
      reachedPassed <= reached &&
      honestPassed >= 0 &&
      honestPassed <= honest,
    `${passed} of ${runs} runs cannot have passed if ${reachedPassed} of ${reached} that reached the grader did`,
  );
  const rate = (count: number, of: number): number | null => (of === 0 ? null : count / of);
  return {
    asMeasured: rate(passed, runs),
    reachedAsFailed: rate(honestPassed, runs),
    excluded: rate(honestPassed, honest),
    boundLow: rate(honestPassed, runs),
    boundHigh: rate(honestPassed + reached, runs),
    boundHighIfReachingNeverHurts: rate(passed, runs),
  };
}
