import { Events } from "nats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NatsConnection } from "../../proto/nats/connection.ts";
import { type FetchObject, objectsOf } from "../../proto/nats/objects.ts";
import { publicTaskBucket } from "../../proto/subjects.ts";
import { startTestNats, type TestNats } from "../support/nats.ts";

const maxBytes = 1_000;

let nats: TestNats;
let node: NatsConnection;
let stop: AbortController;
let fetch: FetchObject;

beforeAll(async () => {
  nats = await startTestNats({ nodes: ["a"], graders: [] });
  node = await nats.connect("node-a");
  stop = new AbortController();
  fetch = objectsOf(node, { bucket: publicTaskBucket, maxBytes, signal: stop.signal });
  const store = await (await nats.connect("coordinator")).jetstream().views.os(publicTaskBucket);
  await store.putBlob({ name: "small" }, Buffer.alloc(maxBytes, "x"));
  await store.putBlob({ name: "large" }, Buffer.alloc(maxBytes + 1));
  await store.putBlob({ name: "deleted" }, Buffer.alloc(1));
  await store.delete("deleted");
});
afterAll(() => nats.stop());

async function untilDisconnected(connection: NatsConnection): Promise<void> {
  for await (const { type } of connection.status()) if (type === Events.Disconnect) return;
}

describe("fetching an object", () => {
  test("gives its bytes, or null where there is none any more or never was", async () => {
    expect(Buffer.from((await fetch("small")) ?? []).toString()).toBe("x".repeat(maxBytes));
    expect(await fetch("deleted")).toBeNull();
    expect(await fetch("absent")).toBeNull();
  });

  test("refuses one that is too large before it is fetched", async () => {
    await expect(fetch("large")).rejects.toThrow("has 1001 bytes; accepted: up to 1000");
  });

  test("gives up when it is told to, also when the server is gone", async () => {
    const gone = untilDisconnected(node);
    await nats.server.stop();
    await gone;
    const fetching = fetch("small");
    stop.abort();
    await expect(fetching).rejects.toThrow("aborted");
  });
});
