import type { Assignment } from "../proto/gen/sweep/v1/node_pb.ts";
import { ModelKind } from "../proto/gen/sweep/v1/run_pb.ts";
import type { Lease } from "./holdings.ts";
import type { WantedModel } from "./loaded-model.ts";

/** One attempt as the node executes it. */
export interface Attempt {
  readonly lease: Lease;
  readonly sweepId: string;
  readonly runId: string;
  readonly model: WantedModel;
  readonly harness: string;
  readonly task: string;
  readonly taskPublicDigest: string;
  readonly seed: number;
  readonly limits: AttemptLimits;
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
  if (model.kind !== ModelKind.GGUF && model.kind !== ModelKind.SCRIPTED) {
    return malformed(`model kind ${model.kind} is not known to this node`);
  }
  if (limits.wallSeconds === 0) return malformed("the run has no wall limit");
  const { temperature, topP, topK, minP } = model.sampling ?? {};
  return {
    kind: "attempt",
    attempt: {
      lease: { attemptId, epoch },
      sweepId: run.sweepId,
      runId: run.runId,
      model: {
        name: model.name,
        kind: model.kind === ModelKind.GGUF ? "gguf" : "scripted",
        path: model.path,
        contextTokens: model.contextTokens,
        sampling: {
          ...(temperature === undefined ? {} : { temperature }),
          ...(topP === undefined ? {} : { topP }),
          ...(topK === undefined ? {} : { topK }),
          ...(minP === undefined ? {} : { minP }),
        },
      },
      harness: run.harness,
      task: run.task,
      taskPublicDigest: run.taskPublicDigest,
      seed: run.seed,
      limits: {
        wallSeconds: limits.wallSeconds,
        outputTokens: limits.outputTokens,
        turns: limits.turns,
      },
    },
  };
}
