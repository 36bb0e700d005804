import { fromBinary } from "@bufbuild/protobuf";
import { isDigest } from "../proto/digest.ts";
import { type GradeJob, GradeJobSchema } from "../proto/gen/sweep/v1/event_pb.ts";
import { isIdentifier } from "../proto/identifiers.ts";

/** A message of the work queue: a job, or why it is none. */
export type DecodedJob =
  | { readonly kind: "job"; readonly job: GradeJob }
  | { readonly kind: "malformed"; readonly reason: string };

/** Decodes a message of the work queue. Never throws. */
export function decodeJob(payload: Uint8Array): DecodedJob {
  let job: GradeJob;
  try {
    job = fromBinary(GradeJobSchema, payload);
  } catch (error) {
    return {
      kind: "malformed",
      reason: `it is no GradeJob: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
  const ids = { grade_id: job.gradeId, attempt_id: job.attemptId };
  const digests = {
    task_public_digest: job.taskPublicDigest,
    task_hidden_digest: job.taskHiddenDigest,
    workspace_digest: job.workspaceDigest,
  };
  const problems = [
    ...Object.entries(ids)
      .filter(([, value]) => !isIdentifier(value))
      .map(([name]) => `${name} is not a UUID`),
    ...Object.entries(digests)
      .filter(([, value]) => !isDigest(value))
      .map(([name]) => `${name} is not a SHA-256 in hexadecimal`),
  ];
  return problems.length === 0
    ? { kind: "job", job }
    : { kind: "malformed", reason: problems.join(", ") };
}
