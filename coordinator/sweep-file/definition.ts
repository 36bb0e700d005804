/**
 * A sweep as its file defines it, after defaults are filled in and every name is checked. What
 * becomes of it is decided by `coordinator/matrix.ts`.
 */
export interface SweepDefinition {
  /** Unique among the sweeps of a lab. */
  readonly name: string;
  /** Distinct by name, in the order of the file; likewise harnesses, tasks and seeds. */
  readonly models: readonly ModelDefinition[];
  readonly harnesses: readonly string[];
  readonly tasks: readonly string[];
  /** Labels of the repetitions of each cell; also the seeds of the model's sampler. */
  readonly seeds: readonly number[];
  /** A cell is kept if any of these matches it, or if there is none. */
  readonly include: readonly Selector[];
  /** A cell that any of these matches is dropped. */
  readonly exclude: readonly Selector[];
  /** Applied in order; a later one wins over an earlier one, setting by setting. */
  readonly overrides: readonly Override[];
  readonly limits: RunLimits;
  readonly sampling: SamplingSettings;
  readonly determinism: Determinism;
  readonly sandbox: SandboxMode;
  /** Whether nodes plant a decoy of a grader, see `agent-node/decoy.ts`. */
  readonly decoy: boolean;
  /** What all calls of hosted models may cost together, in US dollars; null is no cap. */
  readonly spendingCapUsd: number | null;
  /** Attempts of one run that infrastructure failures may use up before it is given up, from 1. */
  readonly maxAttempts: number;
}

/** A model-quant and how a node serves it. */
export interface ModelDefinition {
  /** As reports print it: `name@quant`, or the bare name of a model without quants. */
  readonly label: string;
  readonly quant: string | null;
  /** `scripted` is the stand-in for tests and the demo, never a language model. */
  readonly kind: ModelKind;
  /** Relative to one of the node's model folders; empty for a hosted model. */
  readonly path: string;
  /** A chat template in place of the model's own, relative to a model folder. */
  readonly chatTemplatePath: string | null;
  /** Set exactly for models of kind `hosted`. */
  readonly hosted: HostedModel | null;
  /**
   * Context of the model server in tokens. A property of the model and not of a cell: changing it
   * would mean loading the weights again.
   */
  readonly contextTokens: number;
  /** Settings that differ from the sweep's. */
  readonly sampling: SamplingSettings;
}

/** How a model is served: llama-server, the scripted stand-in, or a vendor. */
export const modelKinds = ["gguf", "scripted", "hosted"] as const;
/** See {@link modelKinds}. */
export type ModelKind = (typeof modelKinds)[number];

/**
 * What is asked of the model server between runs. `reproducible`: one slot, a cold cache at the start
 * of each run, the seed on every route. `throughput`: slots and a warm cache.
 */
export const determinisms = ["reproducible", "throughput"] as const;
/** See {@link determinisms}. */
export type Determinism = (typeof determinisms)[number];

/** How far a harness is shut in; `none` is for comparison with studies that had no sandbox. */
export const sandboxModes = ["strict", "none"] as const;
/** See {@link sandboxModes}. */
export type SandboxMode = (typeof sandboxModes)[number];

/** A model that a vendor serves. */
export interface HostedModel {
  /** The protocol of the endpoint. */
  readonly api: "anthropic" | "openai";
  /** Without the route. */
  readonly url: string;
  /** The vendor's own name of the model. */
  readonly model: string;
  /** Where a node finds the key, for example `env:ANTHROPIC_API_KEY`. */
  readonly keyReference: string;
  /** In US dollars per million tokens. */
  readonly price: {
    readonly inputUsd: number;
    readonly cachedInputUsd: number;
    readonly outputUsd: number;
  };
  /** Over the whole lab; null is no bound on tokens. */
  readonly rateLimit: {
    readonly requestsPerMinute: number;
    readonly tokensPerMinute: number | null;
  };
}

/** Names or patterns with `*`; an absent list selects all. A cell matches if all three lists do. */
export interface Selector {
  readonly models?: readonly string[] | undefined;
  readonly harnesses?: readonly string[] | undefined;
  readonly tasks?: readonly string[] | undefined;
}

/** Settings for the cells that a selector matches; an absent setting stays as it was. */
export interface Override {
  readonly match: Selector;
  readonly limits: Partial<RunLimits>;
  readonly sampling: SamplingSettings;
}

/** Reaching a limit ends an attempt as a timeout of the model. */
export interface RunLimits {
  /** Wall time of the harness process in seconds, from 1. */
  readonly wallSeconds: number;
  /** Sum of completion tokens over the model calls of an attempt; 0 is no limit. */
  readonly outputTokens: number;
  /** Model calls of an attempt; 0 is no limit. */
  readonly turns: number;
}

/** Sampler settings; an absent one leaves the server's pinned default in force. */
export interface SamplingSettings {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
}

/** The label of a model, from its name and quantisation. */
export function modelLabel(model: { name: string; quant?: string | undefined }): string {
  return model.quant === undefined ? model.name : `${model.name}@${model.quant}`;
}
