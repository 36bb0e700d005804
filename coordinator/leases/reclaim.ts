import { and, eq, inArray, sql } from "drizzle-orm";
import { z } from "zod";
import type { Transaction } from "../store/database.ts";
import { selectRows } from "../store/rows.ts";
import { leases, runs } from "../store/schema.ts";
import { endAttempt, lockRunOfAttempt, loseAttempt, moveRun } from "./locked-run.ts";

/** Takes leases back: those that ran out, those a node forgot, those of runs that were cancelled. */

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
