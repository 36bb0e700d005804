import { once } from "node:events";
import { describe, expect, test } from "vitest";
import {
  aServer,
  deferred,
  failureOf,
  logged,
  operatorOf,
  UnknownSweep,
  untilSteady,
} from "../../test/support/rpc.ts";

describe("a server stream", () => {
  test("delivers twenty thousand responses in order", async () => {
    const server = await aServer({
      async *readTrace() {
        for (let firstSequence = 0; firstSequence < 20_000; firstSequence += 1) {
          yield { firstSequence };
        }
      },
    });
    let expected = 0;
    for await (const { firstSequence } of operatorOf(server).readTrace({})) {
      if (firstSequence !== expected) break;
      expected += 1;
    }
    expect(expected).toBe(20_000);
  }, 60_000);

  test("is produced no faster than it is read", async () => {
    let produced = 0;
    const server = await aServer({
      async *readTrace() {
        const events = new Uint8Array(64 * 1024);
        for (;;) {
          produced += 1;
          yield { events };
        }
      },
    });
    const stream = operatorOf(server).readTrace({});
    await stream.next();
    await untilSteady(() => produced);
    expect(produced).toBeLessThan(1_000);
    await stream.return();
  });

  test("that its caller leaves early ends its handler, clean-up included", async () => {
    const cleanedUp = deferred<void>();
    const server = await aServer({
      async *watchSweep() {
        try {
          for (;;) yield {};
        } finally {
          cleanedUp.resolve();
        }
      },
    });
    for await (const _ of operatorOf(server).watchSweep({})) break;
    await cleanedUp.promise;
    expect(logged).toEqual([]);
  });

  test("delivers what was sent before a failure, then the failure", async () => {
    const server = await aServer({
      async *watchSweep() {
        yield {};
        yield {};
        throw new UnknownSweep("deleted meanwhile");
      },
    });
    let seen = 0;
    const read = async () => {
      for await (const _ of operatorOf(server).watchSweep({})) seen += 1;
    };
    expect(await failureOf(read())).toMatchObject({ code: "NOT_FOUND" });
    expect(seen).toBe(2);
  });

  test("that its caller cancels throws the caller's reason", async () => {
    const server = await aServer({
      async *watchSweep(_, { signal }) {
        yield {};
        await once(signal, "abort");
      },
    });
    const caller = new AbortController();
    const reason = new Error("enough");
    const read = async () => {
      const { signal } = caller;
      for await (const _ of operatorOf(server).watchSweep({}, { signal })) caller.abort(reason);
    };
    await expect(read()).rejects.toBe(reason);
  });
});
