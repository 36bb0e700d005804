import { fit } from "./fit.ts";
import { compareRanks, rank } from "./rank.ts";
import type { Demand, SchedulableNode, Snapshot } from "./snapshot.ts";

/** One run for one free slot of a node. */
export interface PlannedAssignment {
  readonly runId: number;
  readonly nodeId: string;
  readonly modelName: string;
  /** Why this run went to this node, in words for a log. */
  readonly reason: string;
}

/** Runs that no free node can take now, or none of the lab ever. */
export interface Unmet {
  readonly demand: Demand;
  /** True if no node of the lab could take the runs, whatever it is doing. */
  readonly unplaceable: boolean;
  /** One reason a node, or a single one that holds for all. */
  readonly reasons: readonly string[];
}

/** What one round of the scheduler hands out, and why the rest waits. */
export interface Plan {
  readonly assignments: readonly PlannedAssignment[];
  readonly unmet: readonly Unmet[];
}

/**
 * Attempts in a row that a node may fail, lose or refuse before it rests. A node that refuses (its
 * outbox is full, a cancelled attempt still holds the slot) would be asked again at once, for ever.
 */
const failuresBeforeRest = 2;
const shortestRestMs = 5_000;
const longestRestMs = 5 * 60_000;

/**
 * Places pending runs on free slots: a node keeps the model it has loaded while there is work for
 * it, else takes the one with the largest share of work left per server. The same snapshot gives
 * the same plan, whatever the order of its lists.
 */
export function plan(snapshot: Snapshot, nowMs: number): Plan {
  const nodes = [...snapshot.nodes].sort((a, b) => (a.name < b.name ? -1 : 1));
  const left = new Map(snapshot.demands.map((demand) => [demand, runsOf(demand)]));
  const loaded = new Map(nodes.map((node) => [node.nodeId, node.loadedModel]));
  const free = new Map(
    nodes
      .filter((node) => refusalNow(node, nowMs) === undefined)
      .map((node) => [node.nodeId, node.slots - node.busySlots]),
  );
  const pendingOf = new Map<string, number>();
  for (const { modelName, pending } of snapshot.demands) {
    pendingOf.set(modelName, (pendingOf.get(modelName) ?? 0) + pending);
  }
  const assignments: PlannedAssignment[] = [];

  // One slot a node in turn, so that nodes with many slots do not take everything first.
  for (let placed = true; placed; ) {
    placed = false;
    for (const node of nodes) {
      if ((free.get(node.nodeId) ?? 0) <= 0) continue;
      const seen = { ...node, loadedModel: loaded.get(node.nodeId) ?? "" };
      const choice = best(seen);
      if (choice === undefined) continue;
      const run = left.get(choice)?.shift();
      if (run === undefined) continue;
      assignments.push({
        runId: run.id,
        nodeId: node.nodeId,
        modelName: choice.modelName,
        reason: reasonFor(seen, choice),
      });
      loaded.set(node.nodeId, choice.modelName);
      free.set(node.nodeId, (free.get(node.nodeId) ?? 0) - 1);
      placed = true;
    }
  }

  const unmet = snapshot.demands
    .filter((demand) => demand.pending > demand.runIds.length - (left.get(demand)?.length ?? 0))
    .map((demand) => explain(demand, nodes, nowMs));
  return { assignments, unmet };

  function best(node: SchedulableNode): Demand | undefined {
    let found: { demand: Demand; rank: ReturnType<typeof rank> } | undefined;
    for (const [demand, [next]] of left) {
      if (next === undefined || fit(node, demand).kind === "unfit") continue;
      const servers = nodes.filter(
        (other) =>
          other.nodeId !== node.nodeId &&
          other.connected &&
          loaded.get(other.nodeId) === demand.modelName,
      ).length;
      const offer = { demand, seed: next.seed };
      const ranked = rank(node, offer, servers, pendingOf.get(demand.modelName) ?? 0);
      if (found === undefined || compareRanks(ranked, found.rank) < 0)
        found = { demand, rank: ranked };
    }
    return found?.demand;
  }
}

function runsOf({ runIds, seeds }: Demand): { readonly id: number; readonly seed: number }[] {
  return runIds.map((id, place) => ({ id, seed: seeds[place] ?? 0 }));
}

/** Why a node gets nothing at this moment, undefined if it may. */
function refusalNow(node: SchedulableNode, nowMs: number): string | undefined {
  if (!node.connected) return `${node.name} is not connected`;
  if (node.draining) return `${node.name} is draining`;
  const restUntilMs = restEndMs(node);
  if (restUntilMs > nowMs) {
    return `${node.name} rests for ${Math.ceil((restUntilMs - nowMs) / 1000)} s after ${node.failuresInARow} attempts in a row that it failed, lost or refused`;
  }
  return undefined;
}

/** When a node that keeps failing may have the next run: the rest doubles with each failure. */
function restEndMs(node: SchedulableNode): number {
  if (node.failuresInARow < failuresBeforeRest) return 0;
  const doublings = Math.min(node.failuresInARow - failuresBeforeRest, 10);
  return node.lastFailureAtMs + Math.min(shortestRestMs * 2 ** doublings, longestRestMs);
}

function reasonFor(node: SchedulableNode, demand: Demand): string {
  if (node.loadedModel === demand.modelName) return `${demand.modelName} is loaded on ${node.name}`;
  const change =
    node.loadedModel === "" ? "nothing is loaded" : `no run of ${node.loadedModel} waits`;
  return `${node.name} loads ${demand.modelName}: ${change}`;
}

function explain(demand: Demand, nodes: readonly SchedulableNode[], nowMs: number): Unmet {
  if (nodes.length === 0) {
    return { demand, unplaceable: false, reasons: ["no node has joined the lab"] };
  }
  const verdicts = nodes.map((node) => ({ node, verdict: fit(node, demand) }));
  const unplaceable = verdicts.every(({ verdict }) => verdict.kind === "unfit");
  const reasons = verdicts.map(({ node, verdict }) =>
    verdict.kind === "unfit" ? verdict.reason : (refusalNow(node, nowMs) ?? `${node.name} is busy`),
  );
  return { demand, unplaceable, reasons };
}
