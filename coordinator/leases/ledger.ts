import { randomUUID } from "node:crypto";
import { and, eq, isNull, sql } from "drizzle-orm";
import { z } from "zod";
import { nextRunState } from "../run-state.ts";
import type { Transaction } from "../store/database.ts";
import { selectRows } from "../store/rows.ts";
import { attempts, leases, runs } from "../store/schema.ts";
import { type Claim, type ClaimVerdict, deliveryGraceMs } from "./lease.ts";
import { endAttempt, judgeUnderLock, lockRunOfAttempt, moveRun } from "./locked-run.ts";

/** Grants, renews and gives up leases: lease.ts and run-state.ts applied to the tables. */

/** A run to be given to a node, as the scheduler decided on a snapshot that may be stale by now. */
export interface GrantRequest {
  readonly runId: number;
  readonly nodeId: string;
}

/** The right that was granted: to execute one attempt at a run, under an epoch of its own. */
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

function inMs(milliseconds: number) {
  return sql`now() + make_interval(secs => ${milliseconds / 1000})`;
}
