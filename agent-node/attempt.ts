import type { Assignment } from "../proto/gen/sweep/v1/node_pb.ts";
import {
  Determinism,
  HostedApi,
  ModelKind,
  type ModelSpec,
  SandboxMode,
} from "../proto/gen/sweep/v1/run_pb.ts";
import type { Lease } from "./holdings.ts";
import type { WantedModel } from "./loaded-model.ts";
import type { Sampling } from "./sampling.ts";

/** One attempt as the node executes it. */
export interface Attempt {
  readonly lease: Lease;
  readonly sweepId: string;
  readonly runId: string;
  readonly model: WantedModel | HostedModel;
  readonly harness: string;
  readonly task: string;
  readonly taskPublicDigest: string;
  readonly seed: number;
  readonly limits: AttemptLimits;
  /** What is asked of the model server between runs; see the sweep file. */
  readonly determinism: "reproducible" | "throughput";
  readonly sandbox: "strict" | "none";
  /** Whether a decoy of a grader is planted, see `decoy.ts`. */
  readonly decoy: boolean;
}

/** A model that a vendor serves. */
export interface HostedModel {
  readonly kind: "hosted";
  readonly name: string;
  readonly contextTokens: number;
  readonly sampling: Sampling;
  readonly api: "anthropic" | "openai";
  /** Without the route. */
  readonly url: string;
  /** The vendor's own name of the model. */
  readonly model: string;
  /** Where this node finds the key, for example `env:ANTHROPIC_API_KEY`. */
  readonly keyReference: string;
}

/** Bounds of the run. */
export interface AttemptLimits {
  readonly wallSeconds: number;
  /** Sum over the model calls; 0 is no limit. */
  readonly outputTokens: number;
  /** Model calls; 0 is no limit. */
  readonly turns: number;
}

/** The attempt that an assignment describes, or what is wrong with it. */
export function readAssignment(
  assignment: Assignment,
):
  | { readonly kind: "attempt"; readonly attempt: Attempt }
  | { readonly kind: "malformed"; readonly reason: string } {
  const { attemptId, epoch, run } = assignment;
  const malformed = (reason: string) => ({ kind: "malformed" as const, reason });
  if (run?.model === undefined || run.limits === undefined) {
    return malformed("the assignment lacks its run, model or limits");
  }
  const { model, limits } = run;
  if (!/^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/.test(attemptId)) {
    return malformed(`attempt_id is ${JSON.stringify(attemptId)}, accepted is a UUID`);
  }
  const wanted = readModel(model);
  if (wanted === null) return malformed(`model kind ${model.kind} is not known to this node`);
  if (limits.wallSeconds === 0) return malformed("the run has no wall limit");
  if (run.determinism === Determinism.UNSPECIFIED || run.sandbox === SandboxMode.UNSPECIFIED) {
    return malformed("the run does not say its determinism or its sandbox");
  }
  return {
    kind: "attempt",
    attempt: {
      lease: { attemptId, epoch },
      sweepId: run.sweepId,
      runId: run.runId,
      model: wanted,
      harness: run.harness,
      task: run.task,
      taskPublicDigest: run.taskPublicDigest,
      seed: run.seed,
      limits: {
        wallSeconds: limits.wallSeconds,
        outputTokens: limits.outputTokens,
        turns: limits.turns,
      },
      determinism: run.determinism === Determinism.REPRODUCIBLE ? "reproducible" : "throughput",
      sandbox: run.sandbox === SandboxMode.STRICT ? "strict" : "none",
      decoy: run.decoy,
    },
  };
}

/** Null for a model of a kind that this version does not know. */
function readModel(model: ModelSpec): WantedModel | HostedModel | null {
  const { temperature, topP, topK, minP } = model.sampling ?? {};
  const common = {
    name: model.name,
    contextTokens: model.contextTokens,
    sampling: {
      ...(temperature === undefined ? {} : { temperature }),
      ...(topP === undefined ? {} : { topP }),
      ...(topK === undefined ? {} : { topK }),
      ...(minP === undefined ? {} : { minP }),
    },
  };
  if (model.kind === ModelKind.GGUF || model.kind === ModelKind.SCRIPTED) {
    return {
      ...common,
      kind: model.kind === ModelKind.GGUF ? "gguf" : "scripted",
      path: model.path,
      chatTemplatePath: model.chatTemplatePath === "" ? null : model.chatTemplatePath,
    };
  }
  const { hosted } = model;
  if (model.kind !== ModelKind.HOSTED || hosted === undefined) return null;
  return {
    ...common,
    kind: "hosted",
    api: hosted.api === HostedApi.ANTHROPIC ? "anthropic" : "openai",
    url: hosted.url,
    model: hosted.model,
    keyReference: hosted.keyReference,
  };
}
