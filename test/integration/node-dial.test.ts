import { setTimeout as delay } from "node:timers/promises";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type CoordinatorMessage, Session, SessionRefusedError } from "../../agent-node/session.ts";
import { RpcError } from "../../proto/rpc/rpc-error.ts";
import { CoordinatorDouble, doubleToken } from "../support/coordinator-double.ts";

const lines: Record<string, unknown>[] = [];
const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
let double: CoordinatorDouble;
let stop: AbortController;
let running: Promise<unknown>;
const received: CoordinatorMessage["case"][] = [];
let ends: number;

beforeEach(async () => {
  double = new CoordinatorDouble();
  await double.start();
  stop = new AbortController();
  running = Promise.resolve();
  received.length = 0;
  lines.length = 0;
  ends = 0;
});
afterEach(async () => {
  stop.abort();
  await running.catch(() => undefined);
  await double.stop();
});

function aSession(labToken = doubleToken, address = double.address): Session {
  const session = new Session({
    address,
    labToken,
    hello: async () => ({ protocolVersion: 1, nodeId: "n", nodeName: "a" }),
    receive: (message) => received.push(message.case),
    ended: () => {
      ends += 1;
    },
    random: () => 0.1,
    log,
  });
  running = session.run(stop.signal);
  // A refusal is looked at by the test that expects it.
  running.catch(() => undefined);
  return session;
}

const within = { timeout: 20_000 };

describe("the node's session", () => {
  test("says who the node is, and sends only once it is welcomed", async () => {
    const session = aSession();
    expect(session.send({ case: "heartbeat", value: { sequence: 1n } })).toBe(false);
    await vi.waitFor(() => expect(received).toEqual(["welcome"]), within);
    expect(double.hellos).toMatchObject([{ nodeId: "n", nodeName: "a" }]);
    expect(session.send({ case: "heartbeat", value: { sequence: 2n } })).toBe(true);
    await vi.waitFor(() => expect(received).toContain("heartbeatReply"), within);
    expect(double.all("heartbeat")).toHaveLength(1);
  });

  test("is dialled again after the coordinator was stopped and started", async () => {
    const session = aSession();
    await vi.waitFor(() => expect(double.hellos).toHaveLength(1), within);
    await double.stop();
    await vi.waitFor(() => expect(ends).toBe(1), within);
    expect(session.send({ case: "heartbeat", value: { sequence: 1n } })).toBe(false);
    await double.start();
    await vi.waitFor(() => expect(received).toEqual(["welcome", "welcome"]), within);
  });

  test("keeps trying, and says where, while no coordinator answers", async () => {
    await double.stop();
    aSession();
    await vi.waitFor(
      () =>
        expect(lines.filter((line) => line["address"] === double.address).length).toBeGreaterThan(
          1,
        ),
      within,
    );
    await double.start();
    await vi.waitFor(() => expect(received).toEqual(["welcome"]), within);
  });

  test("ends for good with the remedy when the token is wrong", async () => {
    aSession("guessed");
    await expect(running).rejects.toThrow(SessionRefusedError);
    await expect(running).rejects.toThrow(/SWEEP_LAB_TOKEN/);
  });

  test("ends for good when the coordinator speaks another version of the protocol", async () => {
    double.refusal = new RpcError("FAILED_PRECONDITION", "the coordinator speaks protocol 9");
    aSession();
    await expect(running).rejects.toThrow(/speaks protocol 9.*same version/);
  });

  test("is tried again while the coordinator believes an earlier session alive", async () => {
    double.refusal = new RpcError("ALREADY_EXISTS", "node n is connected");
    aSession();
    await vi.waitFor(
      () => expect(lines.filter((line) => line["code"] === "ALREADY_EXISTS")).not.toHaveLength(0),
      within,
    );
    double.refusal = null;
    await vi.waitFor(() => expect(received).toEqual(["welcome"]), within);
  });

  test("is over at once when the node stops, even between two tries", async () => {
    await double.stop();
    aSession();
    await vi.waitFor(() => expect(lines).not.toHaveLength(0), within);
    stop.abort();
    await expect(Promise.race([running, delay(5_000, "late")])).resolves.toBeUndefined();
  });
});
