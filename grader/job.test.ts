import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GradeJobSchema } from "../proto/gen/sweep/v1/event_pb.ts";
import { decodeJob } from "./job.ts";

const fields = {
  gradeId: "00000000-0000-4000-8000-000000000001",
  runId: "7",
  attemptId: "00000000-0000-4000-8000-000000000002",
  task: "p2_shortest_path",
  taskPublicDigest: "a".repeat(64),
  taskHiddenDigest: "b".repeat(64),
  workspaceDigest: "c".repeat(64),
};
const decode = (changes: Partial<typeof fields>) =>
  decodeJob(toBinary(GradeJobSchema, create(GradeJobSchema, { ...fields, ...changes })));

describe("a message of the work queue", () => {
  test("is a job when all that grading needs is there", () => {
    expect(decode({})).toMatchObject({ kind: "job", job: fields });
  });

  test.each([
    ["gradeId", "../x", "grade_id"],
    ["attemptId", "", "attempt_id"],
    ["taskPublicDigest", "A".repeat(64), "task_public_digest"],
    ["taskHiddenDigest", "b".repeat(63), "task_hidden_digest"],
    ["workspaceDigest", "../../etc/passwd", "workspace_digest"],
  ])("with %s %j is none, and says so", (name, value, shown) => {
    expect(decode({ [name]: value })).toMatchObject({
      kind: "malformed",
      reason: expect.stringContaining(shown),
    });
  });

  test("of any other bytes is none, without an exception", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(decodeJob(bytes).kind).toBe("malformed");
      }),
    );
  });
});
