import { strict as assert } from "node:assert";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  aServer,
  deferred,
  failureOf,
  heartbeats,
  logged,
  nodeOf,
  noResponses,
  operatorOf,
} from "../../test/support/rpc.ts";
import { MessageQueue } from "./message-queue.ts";
import { isDisconnection } from "./rpc-error.ts";
import { ListenError } from "./server.ts";

describe("a server that stops", () => {
  test("ends sessions as disconnections, tells handlers, and waits for their clean-up", async () => {
    let cleanedUp = false;
    const server = await aServer({}, async function* (_requests, { signal }) {
      try {
        yield { message: { case: "welcome", value: {} } };
        await once(signal, "abort");
      } finally {
        await new Promise(setImmediate);
        cleanedUp = true;
      }
    });
    const session = nodeOf(server).session(heartbeats(1));
    await session.next();
    const ended = failureOf(session.next());
    await server.close(10_000);
    expect(cleanedUp).toBe(true);
    expect(isDisconnection(await ended)).toBe(true);
  });

  test("lets a unary call in progress finish", async () => {
    const entered = deferred<void>();
    const proceed = deferred<void>();
    const server = await aServer({
      getRun: async () => {
        entered.resolve();
        await proceed.promise;
        return { sweepName: "finished" };
      },
    });
    const call = operatorOf(server).getRun({});
    await entered.promise;
    const closed = server.close(10_000);
    proceed.resolve();
    expect((await call).sweepName).toBe("finished");
    await closed;
  });

  test("cuts off, after its grace, a handler that does not end", async () => {
    const release = deferred<void>();
    const server = await aServer({}, async function* () {
      yield { message: { case: "welcome", value: {} } };
      await release.promise;
    });
    const session = nodeOf(server).session(heartbeats(1));
    await session.next();
    await server.close(20);
    expect(logged).toMatchObject([{ msg: "calls were cut off at shutdown", openCalls: 1 }]);
    expect(isDisconnection(await failureOf(session.next()))).toBe(true);
    release.resolve();
  });

  test("can be followed by another on its port, which the same channel reaches", async () => {
    const first = await aServer();
    const client = operatorOf(first);
    expect((await failureOf(client.listSweeps({}))).code).toBe("UNIMPLEMENTED");
    await first.close(1_000);
    await aServer({ listSweeps: async () => ({}) }, noResponses, first.address);
    await expect
      .poll(() => client.listSweeps({}).catch((error: unknown) => error), { timeout: 20_000 })
      .toMatchObject({ sweeps: [] });
  });
});

test("a second server on the same port says which address is taken", async () => {
  const { address } = await aServer();
  await expect(aServer({}, noResponses, address)).rejects.toThrow(ListenError);
  await expect(aServer({}, noResponses, address)).rejects.toThrow(`cannot listen on ${address}`);
  await expect(aServer({}, noResponses, address)).rejects.toThrow(/EADDRINUSE.*stop the program/);
});

test("both sides notice within seconds that the network between them fell silent", async () => {
  const handlerEnded = deferred<unknown>();
  const server = await aServer({}, async function* (requests, call) {
    call.signal.addEventListener("abort", () => handlerEnded.resolve(call.signal.reason));
    yield { message: { case: "welcome", value: {} } };
    for await (const _ of requests) yield* [];
  });
  const relay = await aRelay(server.address);
  const session = nodeOf(relay).session(new MessageQueue<never>(1));
  await session.next();
  relay.fallSilent();
  const silentSince = performance.now();
  expect(isDisconnection(await failureOf(session.next()))).toBe(true);
  expect(await handlerEnded.promise).toMatchObject({ code: "CANCELLED" });
  expect(performance.now() - silentSince).toBeLessThan(20_000);
}, 30_000);

/** Forwards TCP to `address` until told to swallow every byte, as a partition does. */
async function aRelay(address: string): Promise<{ address: string; fallSilent(): void }> {
  const [host, port] = address.split(":");
  const sockets: Socket[] = [];
  const relay = createServer((near) => {
    const far = connect(Number(port), host);
    sockets.push(near, far);
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on("error", () => {});
  });
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  const listening = relay.address();
  assert(listening !== null && typeof listening === "object");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  return {
    address: `127.0.0.1:${listening.port}`,
    fallSilent: () => sockets.forEach((socket) => socket.unpipe().resume()),
  };
}
