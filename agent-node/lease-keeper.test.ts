import { create } from "@bufbuild/protobuf";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  AssignmentSchema,
  HeartbeatReplySchema,
  WelcomeSchema,
} from "../proto/gen/sweep/v1/node_pb.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import type { CoordinatorMessage, SessionMessage } from "./session.ts";

const lease = { attemptId: "a", epoch: 1 };
const welcome: CoordinatorMessage = {
  case: "welcome",
  value: create(WelcomeSchema, { leaseTtlMs: 1_000, heartbeatIntervalMs: 100 }),
};
const assignment: CoordinatorMessage = {
  case: "assignment",
  value: create(AssignmentSchema, lease),
};
const reply = (sequence: bigint): CoordinatorMessage => ({
  case: "heartbeatReply",
  value: create(HeartbeatReplySchema, { sequence, verdicts: [{ ...lease, renewed: true }] }),
});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function aKeeper() {
  const state = { connected: true, busy: null as string | null };
  const sent: SessionMessage[] = [];
  const begun: string[] = [];
  const stopped: string[] = [];
  const keeper = new LeaseKeeper({
    slots: 1,
    nowMs: () => Date.now(),
    send: (message) => {
      if (state.connected) sent.push(message);
      return state.connected;
    },
    status: () => ({ loadedModel: "m", outboxEntries: 2 }),
    busy: () => state.busy,
    begin: ({ attemptId }) => begun.push(attemptId),
    stop: ({ attemptId }, why) => stopped.push(`${attemptId} ${why}`),
    log: pino({ level: "silent" }),
  });
  const kinds = (): (string | undefined)[] => sent.map((message) => message.case);
  return { keeper, state, sent, begun, stopped, kinds };
}

describe("lease keeper", () => {
  test("claims an offer at once and begins it when the claim is confirmed", () => {
    const { keeper, sent, begun } = aKeeper();
    keeper.receive(welcome);
    keeper.receive(assignment);
    expect(sent.at(-1)).toMatchObject({
      case: "heartbeat",
      value: { sequence: 2n, claims: [lease], loadedModel: "m", outboxEntries: 2 },
    });
    expect(begun).toEqual([]);
    keeper.receive(reply(2n));
    expect(begun).toEqual(["a"]);
  });

  test("without confirmations it stops the attempt when the lease runs out", () => {
    const { keeper, stopped } = aKeeper();
    keeper.receive(welcome);
    keeper.receive(assignment);
    keeper.receive(reply(2n));
    vi.advanceTimersByTime(999);
    expect(stopped).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(stopped).toEqual(["a expired"]);
  });

  test("refuses an offer while the node is busy, and says why", () => {
    const { keeper, state, sent } = aKeeper();
    state.busy = "the outbox is nearly full";
    keeper.receive(welcome);
    keeper.receive(assignment);
    expect(sent.at(-1)).toEqual({ case: "refused", value: { ...lease, reason: state.busy } });
  });

  test("a release is reported again in the next session, before its first heartbeat", () => {
    const { keeper, state, kinds } = aKeeper();
    keeper.receive(welcome);
    keeper.receive(assignment);
    keeper.receive(reply(2n));
    keeper.disconnected();
    state.connected = false;
    keeper.release(lease);
    keeper.ended(lease);
    state.connected = true;
    const before = kinds().length;
    keeper.receive(welcome);
    expect(kinds().slice(before)).toEqual(["released", "heartbeat"]);
    keeper.receive(reply(3n));
    keeper.disconnected();
    const after = kinds().length;
    keeper.receive(welcome);
    expect(kinds().slice(after)).toEqual(["heartbeat"]);
  });
});
