import type { ModelKind, SandboxMode } from "../sweep-file/definition.ts";

/** The world as the scheduler sees it. Lists may come in any order; the plan does not depend on it. */
export interface Snapshot {
  readonly nodes: readonly SchedulableNode[];
  readonly demands: readonly Demand[];
}

/** A node with what it can run and what it is doing. */
export interface SchedulableNode {
  readonly nodeId: string;
  readonly name: string;
  readonly connected: boolean;
  readonly draining: boolean;
  /** Attempts the node executes at one time. */
  readonly slots: number;
  readonly busySlots: number;
  /** Name of the model whose weights are in memory, or that the runs given to the node will load. */
  readonly loadedModel: string;
  readonly memoryBytes: number;
  readonly harnesses: readonly string[];
  /** Names of its toolchains, as proto/toolchain/manifest.ts has them. */
  readonly toolchains: readonly string[];
  /** Weights in the node's model folders, by path. */
  readonly models: ReadonlyMap<string, HeldWeights>;
  /** Whether it has a llama-server, which GGUF weights need. */
  readonly hasLlamaServer: boolean;
  /** Whether its sandbox held every attempt of the escape suite. */
  readonly sandboxHolds: boolean;
  /** Names of the keys of hosted models that it has. */
  readonly keyReferences: readonly string[];
  /** Attempts in a row that it failed, lost or refused, and when the last of them ended. */
  readonly failuresInARow: number;
  readonly lastFailureAtMs: number;
}

/** Weights that a node has. */
export interface HeldWeights {
  readonly sizeBytes: number;
  /** Of KV cache for one token of context, as the node will serve them; 0 if it is not known. */
  readonly kvBytesPerToken: number;
}

/** The pending runs of one (model, harness) of one sweep whose tasks need the same toolchains. */
export interface Demand {
  readonly sweepId: string;
  /** When the sweep was submitted: earlier sweeps go first. */
  readonly sweepCreatedAtMs: number;
  readonly modelName: string;
  readonly modelKind: ModelKind;
  /** Path of the weights, relative to a node's model folders; empty for a hosted model. */
  readonly modelPath: string;
  /** Context that the model is served with, in tokens. */
  readonly contextTokens: number;
  /** Name of the key that a hosted model needs; null for one that nodes serve themselves. */
  readonly keyReference: string | null;
  readonly harness: string;
  readonly sandbox: SandboxMode;
  /** Names of the toolchains that the tasks need, each once and sorted. */
  readonly toolchains: readonly string[];
  /** All pending runs. */
  readonly pending: number;
  /** The first of them in the order in which they should run; at least as many as there are slots, if there are. */
  readonly runIds: readonly number[];
  /** The seed of each of `runIds`. */
  readonly seeds: readonly number[];
}
