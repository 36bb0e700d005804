import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  AttemptResultSchema,
  GradeVerdictSchema,
  TraceChunkSchema,
  TraceCodec,
} from "../../proto/gen/sweep/v1/event_pb.ts";
import { decodeEvent } from "./event.ts";

const attemptId = "6f1c2f0e-8b0a-4f7e-9a55-0d5f5d1c0001";
const chunk = {
  entryId: `${attemptId}/trace/0`,
  attemptId,
  epoch: 1,
  firstSequence: 0,
  eventCount: 2,
  codec: TraceCodec.JSONL_GZIP,
};
const result = { entryId: `${attemptId}/result`, attemptId, epoch: 1, agentSeconds: 1.5 };

const trace = (fields: object, subject = "sweep.node.node-1.trace") =>
  decodeEvent(
    subject,
    toBinary(TraceChunkSchema, create(TraceChunkSchema, { ...chunk, ...fields })),
  );
const attemptResult = (fields: object) =>
  decodeEvent(
    "sweep.node.node-1.result",
    toBinary(AttemptResultSchema, create(AttemptResultSchema, { ...result, ...fields })),
  );

describe("a message on the event stream", () => {
  it("is believed to come from whom its subject names, whatever it says itself", () => {
    expect(attemptResult({ nodeId: "somebody else" })).toMatchObject({
      kind: "result",
      sender: "node-1",
    });
  });

  it("is a chunk of a trace on a node's trace subject", () => {
    expect(trace({})).toMatchObject({ kind: "trace", sender: "node-1", chunk: { eventCount: 2 } });
  });

  it("is a verdict on a grader's subject", () => {
    const verdict = create(GradeVerdictSchema, { gradeId: attemptId, reward: 1 });
    expect(
      decodeEvent("sweep.grader.grader-1.verdict", toBinary(GradeVerdictSchema, verdict)),
    ).toMatchObject({ kind: "verdict", sender: "grader-1" });
  });

  it.each([
    ["another attempt's entry", { entryId: "x/trace/0" }, "entry_id does not begin"],
    ["no attempt", { attemptId: "7", entryId: "7/trace/0" }, "attempt_id is not a UUID"],
    ["epoch 0", { epoch: 0 }, "epoch is 0"],
    ["an unknown codec", { codec: 9 }, "codec 9 is unknown"],
    ["no events", { eventCount: 0 }, "event_count is 0"],
    ["a place beyond any trace", { firstSequence: 2 ** 32 - 1 }, "first_sequence is out of range"],
  ])("is malformed when a chunk names %s", (_what, fields, reason) => {
    expect(trace(fields)).toMatchObject({
      kind: "malformed",
      reason: expect.stringContaining(reason),
    });
  });

  it.each([
    ["negative seconds", { agentSeconds: -1 }],
    ["seconds that are no number", { agentSeconds: Number.NaN }],
    ["a workspace without a digest", { workspace: { digest: "../../etc" } }],
  ])("is malformed when a result has %s", (_what, fields) => {
    expect(attemptResult(fields).kind).toBe("malformed");
  });

  it("is malformed when a verdict's reward is no finite number", () => {
    const verdict = create(GradeVerdictSchema, {
      gradeId: attemptId,
      reward: Number.POSITIVE_INFINITY,
    });
    expect(decodeEvent("sweep.grader.g.verdict", toBinary(GradeVerdictSchema, verdict)).kind).toBe(
      "malformed",
    );
  });

  it.each([
    ["bytes that are no protobuf", "sweep.node.node-1.trace", Buffer.from([0xff, 0xff, 0xff])],
    ["an unknown kind", "sweep.node.node-1.gossip", Buffer.alloc(0)],
    ["an invalid sender", "sweep.node.NODE_1.trace", Buffer.alloc(0)],
    ["no sender", "sweep", Buffer.alloc(0)],
  ])("is malformed, not an exception, for %s", (_what, subject, payload) => {
    expect(decodeEvent(subject, payload).kind).toBe("malformed");
  });
});
