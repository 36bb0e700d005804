import { randomUUID } from "node:crypto";
import { and, eq, inArray, isNull, sql } from "drizzle-orm";
import { z } from "zod";
import { nextRunState, type RunEvent } from "../run-state.ts";
import type { Transaction } from "../store/database.ts";
import { selectRows } from "../store/rows.ts";
import { attempts, leases, runs } from "../store/schema.ts";
import type { AttemptEnding } from "./attempt-ending.ts";
import { type Claim, type ClaimVerdict, deliveryGraceMs, judgeClaim } from "./lease.ts";

/**
 * Applies lease.ts and run-state.ts to the tables, each function inside the caller's transaction.
 * Every change of a run begins by locking its row, so that two changes never see the same state.
 */

/** A run to be given to a node, as the scheduler decided on a snapshot that may be stale by now. */
export interface GrantRequest {
  readonly runId: number;
  readonly nodeId: string;
}

export interface Grant {
  readonly runId: number;
  readonly nodeId: string;
  readonly attemptId: string;
  readonly attemptNumber: number;
  readonly epoch: number;
}

/**
 * Grants a lease for each request whose run is still there to be granted; the others are left out,
 * and the next plan sees why.
 */
export async function grantLeases(
  transaction: Transaction,
  requests: readonly GrantRequest[],
  ttlMs: number,
): Promise<Grant[]> {
  const grants: Grant[] = [];
  // In the order of identifiers, as every other batch of locks, so that batches cannot deadlock.
  for (const request of [...requests].sort((a, b) => a.runId - b.runId)) {
    const [run] = await selectRows(
      transaction,
      z.object({ state: z.enum(["pending", "unplaceable"]), epoch: z.int(), attempts: z.int() }),
      sql`select runs.state, runs.epoch,
             (select count(*)::integer from attempts where run_id = runs.id) as attempts
          from runs join sweeps on sweeps.id = runs.sweep_id
          where runs.id = ${request.runId} and runs.state in ('pending', 'unplaceable')
            and sweeps.state = 'active'
          for update of runs skip locked`,
    );
    if (run === undefined) continue;
    const grant: Grant = {
      ...request,
      attemptId: randomUUID(),
      attemptNumber: run.attempts + 1,
      epoch: run.epoch + 1,
    };
    await transaction.insert(attempts).values({
      id: grant.attemptId,
      runId: grant.runId,
      number: grant.attemptNumber,
      epoch: grant.epoch,
      nodeId: grant.nodeId,
    });
    await transaction.insert(leases).values({
      runId: grant.runId,
      attemptId: grant.attemptId,
      nodeId: grant.nodeId,
      epoch: grant.epoch,
      expiresAt: inMs(ttlMs),
    });
    await transaction
      .update(runs)
      .set({
        state: nextRunState(run.state, "granted"),
        epoch: grant.epoch,
        reason: "",
        changedAt: sql`now()`,
      })
      .where(eq(runs.id, grant.runId));
    grants.push(grant);
  }
  return grants;
}

/** A claim and what became of it. */
export interface JudgedClaim {
  readonly claim: Claim;
  readonly verdict: ClaimVerdict;
}

/** Renews the leases that a node claims and still holds; answers for every claim. */
export async function renewLeases(
  transaction: Transaction,
  claims: readonly Claim[],
  ttlMs: number,
): Promise<JudgedClaim[]> {
  const judged: JudgedClaim[] = [];
  for (const claim of [...claims].sort((a, b) => a.attemptId.localeCompare(b.attemptId))) {
    const verdict = await judgeUnderLock(transaction, claim);
    if (verdict.kind === "held") {
      await transaction
        .update(leases)
        .set({ expiresAt: sql`greatest(${leases.expiresAt}, ${inMs(ttlMs)})` })
        .where(eq(leases.attemptId, claim.attemptId));
    }
    judged.push({ claim, verdict });
  }
  return judged;
}

/** Notes that the harness of an attempt starts, if the attempt still holds its lease. */
export async function markStarted(transaction: Transaction, claim: Claim): Promise<void> {
  const run = await lockRunOfAttempt(transaction, claim.attemptId);
  if (run === undefined) return;
  if ((await judgeUnderLock(transaction, claim)).kind === "fenced") return;
  await transaction
    .update(attempts)
    .set({ startedAt: sql`now()` })
    .where(and(eq(attempts.id, claim.attemptId), isNull(attempts.startedAt)));
  await moveRun(transaction, run, "started");
}

/** Frees the node's slot; the run waits for the result that is on its way. */
export async function releaseLease(transaction: Transaction, claim: Claim): Promise<void> {
  if ((await judgeUnderLock(transaction, claim)).kind === "fenced") return;
  await transaction
    .update(leases)
    .set({
      releasedAt: sql`coalesce(${leases.releasedAt}, now())`,
      expiresAt: sql`greatest(${leases.expiresAt}, ${inMs(deliveryGraceMs)})`,
    })
    .where(eq(leases.attemptId, claim.attemptId));
}

/** Ends an attempt that the node would not begin; it does not count against the run's attempts. */
export async function refuseAssignment(
  transaction: Transaction,
  claim: Claim,
  reason: string,
): Promise<void> {
  const run = await lockRunOfAttempt(transaction, claim.attemptId);
  if (run === undefined) return;
  if ((await judgeUnderLock(transaction, claim)).kind === "fenced") return;
  await endAttempt(transaction, claim.attemptId, "refused", reason);
  await moveRun(transaction, run, "retried", reason);
}

/** Takes back every lease that ran out. Answers how many. */
export async function expireLeases(transaction: Transaction): Promise<number> {
  const expired = await selectRows(
    transaction,
    leaseEndSchema,
    sql`select leases.attempt_id, nodes.name as node_name, leases.released_at is not null as released
        from leases join nodes on nodes.id = leases.node_id
        where leases.expires_at <= now() order by leases.run_id`,
  );
  for (const lease of expired) {
    const run = await lockRunOfAttempt(transaction, lease.attempt_id);
    if (run === undefined || !(await hasExpiredLease(transaction, lease.attempt_id))) continue;
    await loseAttempt(
      transaction,
      run,
      lease.attempt_id,
      lease.released
        ? `the result of node ${lease.node_name} did not arrive`
        : `the lease of node ${lease.node_name} ran out`,
    );
  }
  return expired.length;
}

const leaseEndSchema = z.object({
  attempt_id: z.string(),
  node_name: z.string(),
  released: z.boolean(),
});

/**
 * Takes back the leases of a node that came back without them: a process that was restarted no
 * longer executes what it held. Released leases stay, for their results lie in the node's outbox.
 */
export async function reconcileLeases(
  transaction: Transaction,
  node: {
    readonly nodeId: string;
    readonly claimed: readonly string[];
    readonly grantedBefore: Date;
  },
): Promise<number> {
  const held = await selectRows(
    transaction,
    z.object({ attempt_id: z.string() }),
    sql`select attempt_id from leases
        where node_id = ${node.nodeId} and released_at is null
          and granted_at < ${node.grantedBefore.toISOString()}::timestamptz order by run_id`,
  );
  const forgotten = held.filter((lease) => !node.claimed.includes(lease.attempt_id));
  for (const { attempt_id } of forgotten) {
    const run = await lockRunOfAttempt(transaction, attempt_id);
    if (run === undefined) continue;
    await loseAttempt(transaction, run, attempt_id, "the node came back without the attempt");
  }
  return forgotten.length;
}

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

/** Moves a locked run along the table of run-state.ts. */
export async function moveRun(
  transaction: Transaction,
  run: LockedRun,
  event: RunEvent,
  reason?: string,
): Promise<void> {
  await transaction
    .update(runs)
    .set({
      state: nextRunState(run.state, event),
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

async function loseAttempt(
  transaction: Transaction,
  run: LockedRun,
  attemptId: string,
  reason: string,
): Promise<void> {
  await endAttempt(transaction, attemptId, "lost", reason);
  await retryOrGiveUp(transaction, run, reason);
}

async function hasExpiredLease(transaction: Transaction, attemptId: string): Promise<boolean> {
  const rows = await transaction
    .select({ runId: leases.runId })
    .from(leases)
    .where(and(eq(leases.attemptId, attemptId), sql`${leases.expiresAt} <= now()`));
  return rows.length > 0;
}

/** Cancels runs that have not ended; answers the attempts that nodes must stop, by node. */
export async function cancelRuns(
  transaction: Transaction,
  sweepId: string,
  reason: string,
): Promise<{ readonly attemptId: string; readonly nodeId: string }[]> {
  const open = await transaction
    .select({
      id: runs.id,
      state: runs.state,
      failures: runs.failures,
      maxAttempts: runs.maxAttempts,
    })
    .from(runs)
    .where(and(eq(runs.sweepId, sweepId), inArray(runs.state, cancellable)))
    .orderBy(runs.id)
    .for("update");
  const stopped: { attemptId: string; nodeId: string }[] = [];
  for (const run of open) {
    const [lease] = await transaction.select().from(leases).where(eq(leases.runId, run.id));
    if (lease !== undefined) {
      await endAttempt(transaction, lease.attemptId, "cancelled", reason);
      stopped.push({ attemptId: lease.attemptId, nodeId: lease.nodeId });
    }
    await moveRun(transaction, run, "cancelled", reason);
  }
  return stopped;
}

const cancellable = ["pending", "leased", "running", "finished", "grading", "unplaceable"] as const;

function inMs(milliseconds: number) {
  return sql`now() + make_interval(secs => ${milliseconds / 1000})`;
}
