import { eq, sql } from "drizzle-orm";
import { z } from "zod";
import { nextRunState, type RunEvent } from "../run-state.ts";
import type { Transaction } from "../store/database.ts";
import { selectRows } from "../store/rows.ts";
import { attempts, leases, runs } from "../store/schema.ts";
import type { AttemptEnding } from "./attempt-ending.ts";
import { type Claim, type ClaimVerdict, judgeClaim } from "./lease.ts";

/**
 * The steps from which every change of a run is made, inside the caller's transaction. A change
 * begins by locking the run's row, then its attempt, then its lease: always in this order, so that
 * two changes never see the same state and never wait for each other in a circle.
 */

/** A run's row as far as a change of its state needs it, locked until the transaction ends. */
export interface LockedRun {
  readonly id: number;
  readonly state: typeof runs.$inferSelect.state;
  readonly failures: number;
  readonly maxAttempts: number;
}

/** Locks the run that an attempt belongs to; undefined for an unknown attempt. */
export async function lockRunOfAttempt(
  transaction: Transaction,
  attemptId: string,
): Promise<LockedRun | undefined> {
  const [row] = await transaction
    .select({
      id: runs.id,
      state: runs.state,
      failures: runs.failures,
      maxAttempts: runs.maxAttempts,
    })
    .from(runs)
    .innerJoin(attempts, eq(attempts.runId, runs.id))
    .where(eq(attempts.id, attemptId))
    .for("update", { of: runs });
  return row;
}

/** Moves a locked run along the table of run-state.ts; an event that comes late changes nothing. */
export async function moveRun(
  transaction: Transaction,
  run: LockedRun,
  event: RunEvent,
  reason?: string,
): Promise<void> {
  const state = nextRunState(run.state, event);
  if (state === run.state) return;
  await transaction
    .update(runs)
    .set({
      state,
      changedAt: sql`now()`,
      ...(reason === undefined ? {} : { reason }),
    })
    .where(eq(runs.id, run.id));
}

/** After a failure of the infrastructure: pending again while attempts are left, else exhausted. */
export async function retryOrGiveUp(
  transaction: Transaction,
  run: LockedRun,
  reason: string,
): Promise<void> {
  const failures = run.failures + 1;
  await transaction.update(runs).set({ failures }).where(eq(runs.id, run.id));
  if (failures < run.maxAttempts) return moveRun(transaction, run, "retried", reason);
  return moveRun(
    transaction,
    run,
    "gave_up",
    `${failures} of ${run.maxAttempts} attempts failed: ${reason}`,
  );
}

/** Judges a claim; the run's row must be locked, or the lease only be extended. */
export async function judgeUnderLock(
  transaction: Transaction,
  claim: Claim,
): Promise<ClaimVerdict> {
  const [row] = await selectRows(
    transaction,
    z.object({
      now_ms: z.number(),
      attempt_id: z.string().nullable(),
      node_id: z.string().nullable(),
      epoch: z.int().nullable(),
      expires_ms: z.number().nullable(),
    }),
    sql`select extract(epoch from now())::float8 * 1000 as now_ms, leases.attempt_id, leases.node_id,
           leases.epoch, extract(epoch from leases.expires_at)::float8 * 1000 as expires_ms
        from attempts left join leases on leases.run_id = attempts.run_id
        where attempts.id = ${claim.attemptId}::uuid for update of attempts`,
  );
  if (row === undefined) return { kind: "fenced", reason: "the attempt is unknown" };
  const lease =
    row.attempt_id === null || row.node_id === null || row.epoch === null || row.expires_ms === null
      ? undefined
      : {
          attemptId: row.attempt_id,
          nodeId: row.node_id,
          epoch: row.epoch,
          expiresAtMs: row.expires_ms,
        };
  return judgeClaim(lease, claim, row.now_ms);
}

/** Writes how an attempt ended and takes its lease away. */
export async function endAttempt(
  transaction: Transaction,
  attemptId: string,
  ending: AttemptEnding,
  reason: string,
): Promise<void> {
  await transaction
    .update(attempts)
    .set({ ending, reason, endedAt: sql`now()` })
    .where(eq(attempts.id, attemptId));
  await transaction.delete(leases).where(eq(leases.attemptId, attemptId));
}

/** Ends an attempt whose node has lost its lease; the run goes on without it. */
export async function loseAttempt(
  transaction: Transaction,
  run: LockedRun,
  attemptId: string,
  reason: string,
): Promise<void> {
  await endAttempt(transaction, attemptId, "lost", reason);
  await retryOrGiveUp(transaction, run, reason);
}
