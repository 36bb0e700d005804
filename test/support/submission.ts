import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { identityDigest, identityOf } from "../../coordinator/cell-identity.ts";
import { cellsOf } from "../../coordinator/matrix.ts";
import type { SubmittedTask } from "../../coordinator/operator/store-tasks.ts";
import type { Submission } from "../../coordinator/operator/submit.ts";
import type { Database } from "../../coordinator/store/database.ts";
import { nodes } from "../../coordinator/store/schema.ts";
import { readSweepFile } from "../../coordinator/sweep-file/read.ts";
import { sha256 } from "../../proto/digest.ts";
import {
  type AttemptResult,
  AttemptResultSchema,
  GradeOutcome,
  type GradeVerdict,
  GradeVerdictSchema,
  type TraceChunk,
  TraceChunkSchema,
  TraceCodec,
} from "../../proto/gen/sweep/v1/event_pb.ts";
import { AttemptOutcome } from "../../proto/gen/sweep/v1/run_pb.ts";

/** A submission of one model, one harness, one task named `t`, and as many seeds as said. */
export function aSubmission(
  settings: { name?: string; seeds?: number; maxAttempts?: number; wallSeconds?: number } = {},
): Submission {
  const { name = "s", seeds = 1, maxAttempts = 3, wallSeconds = 60 } = settings;
  const text = `
name: ${name}
models: [{ kind: scripted, name: m, path: m.yaml }]
harnesses: [pi]
tasks: [t]
seeds: ${seeds}
limits: { wall_seconds: ${wallSeconds} }
retries: { max_attempts: ${maxAttempts} }
`;
  const reading = readSweepFile(text, { harnesses: ["pi"], tasks: ["t"] });
  if (reading.kind === "invalid") throw new Error(JSON.stringify(reading.problems));
  const task = aTask("t");
  return {
    fileName: "test.yaml",
    text,
    sweep: reading.sweep,
    cells: cellsOf(reading.sweep).map((cell) => ({
      cell,
      identity: identityDigest(identityOf(cell, reading.sweep, task)),
    })),
    tasks: new Map([["t", task]]),
  };
}

/** A task whose halves are just its name. */
function aTask(id: string): SubmittedTask {
  const publicBundle = Buffer.from(`public ${id}`);
  const hiddenBundle = Buffer.from(`hidden ${id}`);
  return {
    id,
    language: "python",
    toolchains: [],
    publicBundle,
    hiddenBundle,
    publicDigest: sha256(publicBundle),
    hiddenDigest: sha256(hiddenBundle),
  };
}

/** Enters a node as its Hello would; answers its identifier. */
export async function aNode(database: Database, name: string): Promise<string> {
  const id = randomUUID();
  await database.queries.insert(nodes).values({
    id,
    name,
    programVersion: "0.1.0",
    capabilities: { slots: 1, sandboxProof: { passed: true } },
  });
  return id;
}

/** The result of an attempt that completed, unless said otherwise. */
export function aResult(
  attempt: { readonly attemptId: string; readonly epoch: number },
  fields: Partial<Pick<AttemptResult, "outcome" | "reason" | "agentSeconds">> = {},
): AttemptResult {
  return create(AttemptResultSchema, {
    entryId: `${attempt.attemptId}/result`,
    attemptId: attempt.attemptId,
    epoch: attempt.epoch,
    outcome: AttemptOutcome.COMPLETED,
    agentSeconds: 2.5,
    workspace: { digest: sha256(aWorkspace), sizeBytes: BigInt(aWorkspace.length) },
    usage: { modelCalls: 3, sideCalls: 1, inputTokens: 100n, outputTokens: 20n },
    ...fields,
  });
}

/** Bytes that stand for an archive where nobody unpacks it. */
export const aWorkspace = Buffer.from("an archive");

/** A grader's verdict. */
export function aVerdict(gradeId: string, outcome: GradeOutcome, reason = ""): GradeVerdict {
  return create(GradeVerdictSchema, {
    entryId: `grade/${gradeId}/verdict`,
    gradeId,
    outcome,
    reason,
    reward: outcome === GradeOutcome.PASSED ? 1 : 0,
    checks: [{ name: "a check", passed: outcome === GradeOutcome.PASSED, message: "" }],
    seconds: 0.5,
  });
}

/** A chunk of trace events that say nothing. */
export function aChunk(
  attempt: { readonly attemptId: string; readonly epoch: number },
  firstSequence: number,
  eventCount: number,
): TraceChunk {
  const lines = Array.from({ length: eventCount }, (_, index) =>
    JSON.stringify({ sequence: firstSequence + index, atMs: 1, kind: "node", text: "tick" }),
  );
  return create(TraceChunkSchema, {
    entryId: `${attempt.attemptId}/trace/${firstSequence}`,
    attemptId: attempt.attemptId,
    epoch: attempt.epoch,
    firstSequence,
    eventCount,
    codec: TraceCodec.JSONL_GZIP,
    events: gzipSync(lines.join("\n")),
  });
}

/** The bytes of a message as a node or grader publishes it. */
export const encoded = {
  result: (message: AttemptResult) => toBinary(AttemptResultSchema, message),
  chunk: (message: TraceChunk) => toBinary(TraceChunkSchema, message),
  verdict: (message: GradeVerdict) => toBinary(GradeVerdictSchema, message),
};
