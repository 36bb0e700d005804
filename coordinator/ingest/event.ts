import { fromBinary } from "@bufbuild/protobuf";
import { isDigest } from "../../proto/digest.ts";
import {
  type AttemptResult,
  AttemptResultSchema,
  type GradeVerdict,
  GradeVerdictSchema,
  type TraceChunk,
  TraceChunkSchema,
  TraceCodec,
} from "../../proto/gen/sweep/v1/event_pb.ts";
import { isIdentifier } from "../../proto/identifiers.ts";
import { nodeNamePattern } from "../../proto/subjects.ts";

/**
 * What a message on the event stream turned out to be. `sender` is the node's or grader's name,
 * taken from the subject, which NATS permits to nobody else; what a message says of its sender is
 * not believed.
 */
export type IngestEvent =
  | { readonly kind: "trace"; readonly sender: string; readonly chunk: TraceChunk }
  | { readonly kind: "result"; readonly sender: string; readonly result: AttemptResult }
  | { readonly kind: "verdict"; readonly sender: string; readonly verdict: GradeVerdict }
  | { readonly kind: "malformed"; readonly reason: string };

const maxEpoch = 2 ** 31 - 1;

/** Decodes a message and checks all that can be checked without the database. Never throws. */
export function decodeEvent(subject: string, payload: Uint8Array): IngestEvent {
  const [, role, sender, kind] = subject.split(".");
  if (sender === undefined || !nodeNamePattern.test(sender)) {
    return malformed(`the subject ${subject} names no valid sender`);
  }
  try {
    if (role === "node" && kind === "trace")
      return trace(sender, fromBinary(TraceChunkSchema, payload));
    if (role === "node" && kind === "result")
      return result(sender, fromBinary(AttemptResultSchema, payload));
    if (role === "grader" && kind === "verdict")
      return verdict(sender, fromBinary(GradeVerdictSchema, payload));
  } catch (error) {
    return malformed(
      `not the message that ${subject} carries: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  return malformed(`nothing is expected on the subject ${subject}`);
}

function trace(sender: string, chunk: TraceChunk): IngestEvent {
  const fault =
    attemptFault(chunk) ??
    (chunk.codec === TraceCodec.JSONL_GZIP ? undefined : `codec ${chunk.codec} is unknown`) ??
    (chunk.eventCount > 0 ? undefined : "event_count is 0") ??
    (chunk.firstSequence <= maxEpoch ? undefined : "first_sequence is out of range");
  return fault === undefined ? { kind: "trace", sender, chunk } : malformed(fault);
}

function result(sender: string, message: AttemptResult): IngestEvent {
  const fault =
    attemptFault(message) ??
    (Number.isFinite(message.agentSeconds) && message.agentSeconds >= 0
      ? undefined
      : `agent_seconds is ${message.agentSeconds}, accepted is a number from 0`) ??
    (message.workspace === undefined || isDigest(message.workspace.digest)
      ? undefined
      : "workspace.digest is not a SHA-256 in hexadecimal");
  return fault === undefined ? { kind: "result", sender, result: message } : malformed(fault);
}

function verdict(sender: string, message: GradeVerdict): IngestEvent {
  const fault =
    (isIdentifier(message.gradeId) ? undefined : "grade_id is not a UUID") ??
    (Number.isFinite(message.reward) && Number.isFinite(message.seconds)
      ? undefined
      : "reward or seconds is not a finite number");
  return fault === undefined ? { kind: "verdict", sender, verdict: message } : malformed(fault);
}

function attemptFault(message: {
  attemptId: string;
  epoch: number;
  entryId: string;
}): string | undefined {
  if (!isIdentifier(message.attemptId)) return "attempt_id is not a UUID";
  if (message.epoch < 1 || message.epoch > maxEpoch)
    return `epoch is ${message.epoch}, accepted is 1 to ${maxEpoch}`;
  if (!message.entryId.startsWith(`${message.attemptId}/`))
    return "entry_id does not begin with the attempt_id";
  return undefined;
}

function malformed(reason: string): IngestEvent {
  return { kind: "malformed", reason };
}
