import { plan, type Unmet } from "./plan.ts";
import type { Demand, SchedulableNode } from "./snapshot.ts";

/** What a node would do if the lab had only these demands and every run took equally long. */
export interface NodeForecast {
  readonly nodeName: string;
  /** In the order in which they would be loaded. */
  readonly models: readonly string[];
  readonly runs: number;
}

/** Where the runs of a lab would go, and which have no place. */
export interface Forecast {
  readonly nodes: readonly NodeForecast[];
  readonly unplaceable: readonly Unmet[];
}

/**
 * Plays the scheduler's own plan to its end on an idle lab: each round fills every slot and frees
 * it again. `demands` list all their runs; the nodes' present work is left out of account.
 */
export function forecast(nodes: readonly SchedulableNode[], demands: readonly Demand[]): Forecast {
  let idle = nodes.map((node) => ({ ...node, busySlots: 0, failuresInARow: 0 }));
  let left = demands;
  const seen = new Map(idle.map((node) => [node.nodeId, { models: [] as string[], runs: 0 }]));
  const slots = nodes.reduce((sum, node) => sum + node.slots, 0);
  for (;;) {
    // No more than a round can place: copying all runs in each round would take minutes for a large sweep.
    const offered = left.map((demand) => ({
      ...demand,
      runIds: demand.runIds.slice(0, slots),
      seeds: demand.seeds.slice(0, slots),
    }));
    const { assignments, unmet } = plan({ nodes: idle, demands: offered }, 0);
    if (assignments.length === 0) {
      return {
        nodes: idle.map(({ nodeId, name }) => ({
          nodeName: name,
          models: seen.get(nodeId)?.models ?? [],
          runs: seen.get(nodeId)?.runs ?? 0,
        })),
        unplaceable: unmet,
      };
    }
    const placed = new Set(assignments.map(({ runId }) => runId));
    const loaded = new Map<string, string>();
    for (const { nodeId, modelName } of assignments) {
      loaded.set(nodeId, modelName);
      const node = seen.get(nodeId);
      if (node === undefined) continue;
      node.runs += 1;
      if (node.models.at(-1) !== modelName) node.models.push(modelName);
    }
    idle = idle.map((node) => ({
      ...node,
      loadedModel: loaded.get(node.nodeId) ?? node.loadedModel,
    }));
    left = left
      .map((demand) => {
        // A plan takes the runs of a demand in their order.
        const remaining = demand.runIds.findIndex((runId) => !placed.has(runId));
        if (remaining === 0) return demand;
        const runIds = remaining === -1 ? [] : demand.runIds.slice(remaining);
        const seeds = remaining === -1 ? [] : demand.seeds.slice(remaining);
        return { ...demand, runIds, seeds, pending: runIds.length };
      })
      .filter(({ pending }) => pending > 0);
  }
}
