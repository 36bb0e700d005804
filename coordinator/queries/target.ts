import type { Executor } from "../store/rows.ts";
import { NotFoundError } from "./errors.ts";
import { findRun, type RunResult } from "./runs.ts";
import { findSweep, type SweepRow } from "./sweeps.ts";

/** What a command is about: a sweep as a whole, or one run of it. */
export interface Target {
  readonly sweep: SweepRow;
  /** Null for the whole sweep. */
  readonly run: RunResult | null;
}

/**
 * The sweep of this name or identifier, else the run of this number.
 * @throws NotFoundError
 */
export async function findTarget(executor: Executor, target: string): Promise<Target> {
  const sweep = await findSweep(executor, target).catch(ifNotFound);
  if (sweep !== undefined) return { sweep, run: null };
  const run = await findRun(executor, target).catch(ifNotFound);
  if (run !== undefined) return { sweep: await findSweep(executor, run.sweep), run };
  throw new NotFoundError(
    `there is neither a sweep nor a run "${target}"; \`sweep list\` shows sweeps, \`sweep runs SWEEP\` the numbers of runs`,
  );
}

function ifNotFound(error: unknown): undefined {
  if (error instanceof NotFoundError) return undefined;
  throw error;
}
