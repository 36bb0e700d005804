import { and, inArray, sql } from "drizzle-orm";
import type { Logger } from "../../proto/log.ts";
import { type Grant, grantLeases, refuseAssignment } from "../leases/ledger.ts";
import { expireLeases } from "../leases/reclaim.ts";
import { nextRunState, type RunState } from "../run-state.ts";
import { readAssignments } from "../sessions/assignment.ts";
import type { ConnectedNodes } from "../sessions/connected-nodes.ts";
import type { Database } from "../store/database.ts";
import { sweeps } from "../store/schema.ts";
import { type PlannedAssignment, plan, type Unmet } from "./plan.ts";
import { readSnapshot } from "./read-snapshot.ts";

/** How long no known node may fit a run before it is called unplaceable: nodes may be about to join. */
const placementGraceMs = 60_000;

/**
 * One round of the scheduler: take back what ran out, read a snapshot, plan, commit, send. What was
 * committed but could not be sent is taken back at once. Keeps, between rounds, only since when a
 * demand has found no node.
 */
export function schedulerRound(options: {
  readonly database: Database;
  readonly nodes: ConnectedNodes;
  readonly leaseTtlMs: number;
  readonly now: () => number;
  /** Called after a round that changed runs. */
  readonly onChange: () => void;
  readonly log: Logger;
}): () => Promise<void> {
  const { database, nodes, leaseTtlMs, now, onChange, log } = options;
  const unplaceableSinceMs = new Map<string, number>();

  return async () => {
    const expired = await database.transact((transaction) => expireLeases(transaction));
    const snapshot = await readSnapshot(database.queries, (nodeId) => nodes.isConnected(nodeId));
    const { assignments, unmet } = plan(snapshot, now());
    const grants =
      assignments.length === 0
        ? []
        : await database.transact((transaction) =>
            grantLeases(transaction, assignments, leaseTtlMs),
          );
    await send(grants, assignments);
    const marked = await markPlaceability(unmet);
    const completed = await completeSweeps(database);
    if (expired + grants.length + marked + completed > 0) onChange();
  };

  async function send(
    grants: readonly Grant[],
    assignments: readonly PlannedAssignment[],
  ): Promise<void> {
    const messages = await readAssignments(database.queries, grants);
    for (const grant of grants) {
      const assignment = messages.get(grant.attemptId);
      const reason = assignments.find(({ runId }) => runId === grant.runId)?.reason;
      const context = { runId: grant.runId, attemptId: grant.attemptId, nodeId: grant.nodeId };
      if (
        assignment !== undefined &&
        nodes.send(grant.nodeId, { case: "assignment", value: assignment })
      ) {
        log.info({ ...context, epoch: grant.epoch, reason }, "lease granted");
        continue;
      }
      await database.transact((transaction) =>
        refuseAssignment(transaction, grant, "the node's session ended before it was told"),
      );
      log.warn(context, "lease taken back, the node is gone");
    }
  }

  async function markPlaceability(unmet: readonly Unmet[]): Promise<number> {
    const seen = new Set<string>();
    let marked = 0;
    for (const { demand, unplaceable, reasons } of unmet) {
      const { sweepId, modelName, harness, toolchains } = demand;
      const key = JSON.stringify([sweepId, modelName, harness, toolchains]);
      if (!unplaceable) {
        marked += await moveAll(database, demand, "unplaceable", "found_placeable", "");
        continue;
      }
      seen.add(key);
      const since = unplaceableSinceMs.get(key) ?? now();
      unplaceableSinceMs.set(key, since);
      if (now() - since < placementGraceMs) continue;
      marked += await moveAll(database, demand, "pending", "found_unplaceable", reasons.join("; "));
    }
    for (const key of unplaceableSinceMs.keys()) if (!seen.has(key)) unplaceableSinceMs.delete(key);
    return marked;
  }
}

async function moveAll(
  database: Database,
  demand: Unmet["demand"],
  from: RunState,
  event: "found_placeable" | "found_unplaceable",
  reason: string,
): Promise<number> {
  const moved = await database.queries.execute(sql`
    update runs set state = ${nextRunState(from, event)}, reason = ${reason}, changed_at = now()
    from cells join tasks on tasks.id = cells.task_id
    where cells.id = runs.cell_id and runs.sweep_id = ${demand.sweepId} and runs.state = ${from}
      and cells.model_name = ${demand.modelName} and cells.harness = ${demand.harness}
      and tasks.toolchains = array(
        select jsonb_array_elements_text(${JSON.stringify(demand.toolchains)}::jsonb))`);
  return moved.count;
}

/**
 * Completes the sweeps of which no run is open. They are locked first and looked at then: an
 * amendment that was under way has committed its runs by that time, and a later one waits.
 */
export async function completeSweeps(database: Database): Promise<number> {
  const isDone = sql`state = 'active' and not exists (
    select from runs where runs.sweep_id = sweeps.id
      and runs.state in ('pending', 'leased', 'running', 'finished', 'grading'))`;
  return database.transact(async (transaction) => {
    const done = await transaction
      .select({ id: sweeps.id })
      .from(sweeps)
      .where(isDone)
      .orderBy(sweeps.id)
      .for("update");
    const ids = done.map(({ id }) => id);
    const completed = await transaction
      .update(sweeps)
      .set({ state: "completed" })
      .where(and(inArray(sweeps.id, ids), isDone))
      .returning({ id: sweeps.id });
    return completed.length;
  });
}
