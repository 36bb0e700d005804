import { once } from "node:events";
import { describe, expect, test } from "vitest";
import {
  aChannel,
  aHeartbeat,
  aServer,
  deferred,
  failureOf,
  heartbeats,
  logged,
  nodeOf,
  type Session,
  untilSteady,
} from "../../test/support/rpc.ts";
import { NodeService } from "../gen/sweep/v1/node_pb.ts";
import { clientOf } from "./client.ts";

/** Answers each heartbeat with its sequence. */
const echo: Session = async function* (requests) {
  for await (const { message } of requests) {
    if (message.case === "heartbeat") {
      const { sequence } = message.value;
      yield { message: { case: "heartbeatReply", value: { sequence } } };
    }
  }
};

describe("a session", () => {
  test("carries requests and responses both ways until the caller has no more", async () => {
    const server = await aServer({}, echo);
    let expected = 0n;
    for await (const { message } of nodeOf(server).session(heartbeats(5_000))) {
      expect(message).toMatchObject({ case: "heartbeatReply", value: { sequence: expected } });
      expected += 1n;
    }
    expect(expected).toBe(5_000n);
  }, 60_000);

  test("goes on with its responses after the handler has stopped reading requests", async () => {
    const server = await aServer({}, async function* (requests) {
      for await (const _ of requests) break;
      yield { message: { case: "welcome", value: {} } };
      yield { message: { case: "setDraining", value: { draining: true } } };
    });
    const cases: unknown[] = [];
    for await (const { message } of nodeOf(server).session(heartbeats(1_000))) {
      cases.push(message.case);
    }
    expect(cases).toEqual(["welcome", "setDraining"]);
  });

  test("that its caller leaves early ends handler and source", async () => {
    const handlerEnded = deferred<unknown>();
    const sourceEnded = deferred<void>();
    const server = await aServer({}, async function* (requests) {
      try {
        yield { message: { case: "welcome", value: {} } };
        for await (const _ of requests) yield* [];
      } catch (error) {
        handlerEnded.resolve(error);
        throw error;
      }
    });
    async function* source() {
      try {
        for (let sequence = 0; ; sequence += 1) yield aHeartbeat(sequence);
      } finally {
        sourceEnded.resolve();
      }
    }
    for await (const _ of nodeOf(server).session(source())) break;
    expect(await handlerEnded.promise).toMatchObject({ code: "CANCELLED" });
    await sourceEnded.promise;
    expect(logged).toEqual([]);
  });

  test("whose source fails throws the source's error and cancels the call", async () => {
    const handlerEntered = deferred<void>();
    const handlerEnded = deferred<void>();
    const server = await aServer({}, async function* (requests) {
      try {
        handlerEntered.resolve();
        for await (const _ of requests) yield* [];
      } finally {
        handlerEnded.resolve();
      }
    });
    const broken = new Error("disk full");
    async function* source() {
      yield aHeartbeat(0);
      await handlerEntered.promise;
      throw broken;
    }
    await expect(nodeOf(server).session(source()).next()).rejects.toBe(broken);
    await handlerEnded.promise;
  });

  test("pulls its source no faster than the handler reads, before the first response as well", async () => {
    const entered = deferred<void>();
    const server = await aServer({}, async function* (_requests, { signal }) {
      entered.resolve();
      await once(signal, "abort");
      yield* [];
    });
    let produced = 0;
    async function* source() {
      const programVersion = "v".repeat(1_024);
      for (;;) {
        produced += 1;
        yield { message: { case: "hello" as const, value: { programVersion } } };
      }
    }
    const caller = new AbortController();
    const ended = nodeOf(server).session(source(), { signal: caller.signal }).next();
    await entered.promise;
    await untilSteady(() => produced);
    // Flow-control windows and stream buffers hold some hundred kilobytes.
    expect(produced).toBeLessThan(600);
    caller.abort(new Error("seen enough"));
    await expect(ended).rejects.toThrow("seen enough");
  });

  test("without the lab's token is refused", async () => {
    const server = await aServer({}, echo);
    const intruder = clientOf(NodeService, aChannel(server, ""));
    const error = await failureOf(intruder.session(heartbeats(1)).next());
    expect(error.code).toBe("UNAUTHENTICATED");
  });
});
