import type { Demand, SchedulableNode } from "./snapshot.ts";

/** How a demand suits a node at this moment; smaller is better, compared in this order of fields. */
export interface Rank {
  /** 0: the weights are loaded here. 1: nowhere. 2: elsewhere, so that a second load would share the work. */
  readonly swap: 0 | 1 | 2;
  readonly sweepCreatedAtMs: number;
  /** Minus the runs that each server of the model would have: the largest share first. */
  readonly negativeShare: number;
  readonly name: string;
  /** Of the run that would be next, so that the tasks of a seed are done before those of another. */
  readonly seed: number;
  readonly toolchains: string;
}

/**
 * Ranks `demand` for `node`, of which the run with `seed` would be next. `servers` counts the other
 * nodes that have the model loaded, and `pendingOfModel` the pending runs of the model over all its
 * harnesses.
 */
export function rank(
  node: SchedulableNode,
  { demand, seed }: { readonly demand: Demand; readonly seed: number },
  servers: number,
  pendingOfModel: number,
): Rank {
  return {
    swap: node.loadedModel === demand.modelName ? 0 : servers === 0 ? 1 : 2,
    sweepCreatedAtMs: demand.sweepCreatedAtMs,
    negativeShare: -pendingOfModel / (servers + 1),
    name: `${demand.modelName}\n${demand.harness}\n${demand.sweepId}`,
    seed,
    toolchains: demand.toolchains.join("\n"),
  };
}

/** Orders ranks, best first; total, so that equal snapshots give equal plans. */
export function compareRanks(a: Rank, b: Rank): number {
  return (
    a.swap - b.swap ||
    a.sweepCreatedAtMs - b.sweepCreatedAtMs ||
    a.negativeShare - b.negativeShare ||
    compareTexts(a.name, b.name) ||
    a.seed - b.seed ||
    compareTexts(a.toolchains, b.toolchains)
  );
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
