import { strict as assert } from "node:assert";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { eq, inArray, sql } from "drizzle-orm";
import { z } from "zod";
import type { RequeueRunsResponseSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { RefusedError } from "../queries/errors.ts";
import { findTarget } from "../queries/target.ts";
import { nextRunState } from "../run-state.ts";
import type { Database, Transaction } from "../store/database.ts";
import { type Executor, selectRows } from "../store/rows.ts";
import { attempts, runs, sweeps } from "../store/schema.ts";

const reason = "the agent reached the grader";

/**
 * Makes runs pending again whose agents reached the grader: of a sweep, or those of these numbers.
 * The attempt that was accepted stays on record, put aside and never counted; the sweep goes on.
 * No other result can be asked for anew, since then results could be picked. Without `confirmed` it
 * only answers which runs these are.
 * @throws RefusedError for a run that did not reach the grader, and a sweep that was cancelled.
 * @throws NotFoundError
 */
export async function requeueReached(
  database: Database,
  targets: readonly string[],
  confirmed: boolean,
): Promise<MessageInitShape<typeof RequeueRunsResponseSchema>> {
  const wanted = await reachedRuns(database.queries, targets);
  if (!confirmed || wanted.length === 0) return { runs: wanted, done: false };
  const done = await database.transact(async (transaction) => {
    await reopenSweeps(
      transaction,
      wanted.map(({ sweepId }) => sweepId),
    );
    return putAside(
      transaction,
      wanted.map(({ runId }) => runId),
    );
  });
  return { runs: wanted.filter(({ runId }) => done.has(runId)), done: true };
}

const reachedRow = z.object({
  runId: z.coerce.string(),
  sweepId: z.string(),
  sweepName: z.string(),
  model: z.string(),
  harness: z.string(),
  task: z.string(),
  seed: z.int(),
  attemptNumber: z.int(),
});

async function reachedRuns(executor: Executor, targets: readonly string[]) {
  const found = [];
  for (const target of targets) {
    const { sweep, run } = await findTarget(executor, target);
    if (sweep.state === "cancelled") {
      throw new RefusedError(`the sweep "${sweep.name}" was cancelled; no run of it is made again`);
    }
    const rows = await selectRows(
      executor,
      reachedRow,
      sql`
        select run_results.run_id as "runId", sweeps.id as "sweepId", sweep as "sweepName", model, harness, task,
          seed, attempts.number as "attemptNumber"
        from run_results
        join sweeps on sweeps.name = sweep
        join attempts on attempts.id = attempt_id
        where sweep = ${sweep.name} and run_results.state = 'graded' and audit = 'reached'
          ${run === null ? sql`` : sql`and run_results.run_id = ${run.run_id}::bigint`}
        order by run_results.run_id`,
    );
    if (run !== null && rows.length === 0) {
      throw new RefusedError(
        `run ${run.run_id} is ${run.state}, and its audit says ${run.audit ?? "nothing yet"}; only graded runs whose agent reached the grader are requeued, for otherwise results could be picked`,
      );
    }
    found.push(...rows);
  }
  return [...new Map(found.map((row) => [row.runId, row])).values()];
}

/** Locks the sweeps before their runs, as whatever else changes both. */
async function reopenSweeps(transaction: Transaction, sweepIds: readonly string[]): Promise<void> {
  const locked = await transaction
    .select({ id: sweeps.id, name: sweeps.name, state: sweeps.state })
    .from(sweeps)
    .where(inArray(sweeps.id, [...new Set(sweepIds)]))
    .orderBy(sweeps.id)
    .for("update");
  const cancelled = locked.find(({ state }) => state === "cancelled");
  if (cancelled !== undefined) {
    throw new RefusedError(`the sweep "${cancelled.name}" was cancelled meanwhile`);
  }
  const completed = locked.filter(({ state }) => state === "completed").map(({ id }) => id);
  if (completed.length === 0) return;
  await transaction
    .update(sweeps)
    .set({ state: "active", pauseReason: "" })
    .where(inArray(sweeps.id, completed));
}

/** Answers the runs that were still graded with a result to put aside. */
async function putAside(
  transaction: Transaction,
  runIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const locked = await transaction
    .select({ id: runs.id, state: runs.state, acceptedAttemptId: runs.acceptedAttemptId })
    .from(runs)
    .where(inArray(runs.id, runIds.map(Number)))
    .orderBy(runs.id)
    .for("update");
  const done = new Set<string>();
  for (const run of locked) {
    // Somebody else requeued it meanwhile.
    if (run.state !== "graded") continue;
    assert(run.acceptedAttemptId !== null);
    await transaction
      .update(attempts)
      .set({ setAsideReason: reason })
      .where(eq(attempts.id, run.acceptedAttemptId));
    await transaction
      .update(runs)
      .set({
        state: nextRunState(run.state, "requeued"),
        reason: `requeued: ${reason}`,
        // The failures before belong to the attempt that is put aside.
        failures: 0,
        acceptedAttemptId: null,
        changedAt: sql`now()`,
      })
      .where(eq(runs.id, run.id));
    done.add(String(run.id));
  }
  return done;
}
