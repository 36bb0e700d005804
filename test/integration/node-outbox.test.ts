import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { Events } from "nats";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { deliverToNats } from "../../agent-node/outbox/deliver-to-nats.ts";
import { type NewOutboxEntry, Outbox } from "../../agent-node/outbox/outbox.ts";
import { OutboxPublisher } from "../../agent-node/outbox/publisher.ts";
import { sha256 } from "../../proto/digest.ts";
import { AttemptResultSchema, TraceChunkSchema } from "../../proto/gen/sweep/v1/event_pb.ts";
import { coordinatorUser, nodeUser } from "../../proto/nats/permissions.ts";
import { nodeWorkspaceBucket } from "../../proto/subjects.ts";
import { type Ingested, ingestInto } from "../support/coordinator-double.ts";
import { startTestNats, type TestNats } from "../support/nats.ts";

const log = pino({ level: "silent" });
let nats: TestNats;
let ingested: Ingested;
let folder: string;
let outbox: Outbox;
let stop: AbortController;
let running: Promise<void>;

beforeAll(async () => {
  nats = await startTestNats({ nodes: ["a"], graders: [] });
  ingested = await ingestInto(await nats.connect(coordinatorUser), "silent");
});
afterAll(async () => {
  await nats.stop();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "node-outbox-"));
  outbox = await Outbox.open({ folder, maxBytes: 10_000_000, log });
  stop = new AbortController();
  ingested.entryIds.length = 0;
});
afterEach(async () => {
  stop.abort();
  await running;
  await rm(folder, { recursive: true });
});

async function publisherFor(open: Outbox): Promise<OutboxPublisher> {
  const connection = await nats.connect(nodeUser("a"));
  const deliver = deliverToNats(connection, "a");
  const publisher = new OutboxPublisher({
    outbox: open,
    deliver,
    ask: () => false,
    random: Math.random,
    log,
  });
  running = publisher.run(stop.signal);
  return publisher;
}

function aChunk(attemptId: string, firstSequence: number): NewOutboxEntry {
  const id = `${attemptId}/trace/${firstSequence}`;
  const payload = toBinary(TraceChunkSchema, create(TraceChunkSchema, { entryId: id }));
  return { id, attemptId, kind: "trace", payload, workspace: null };
}

function aResult(attemptId: string, archive: Buffer): NewOutboxEntry {
  const id = `${attemptId}/result`;
  const digest = sha256(archive);
  const payload = toBinary(
    AttemptResultSchema,
    create(AttemptResultSchema, { entryId: id, workspace: { digest } }),
  );
  return { id, attemptId, kind: "result", payload, workspace: { digest, archive } };
}

describe("a node's outbox on NATS", () => {
  test("delivers in order, and the workspace is there when its result arrives", async () => {
    const archive = Buffer.alloc(700_000, "workspace");
    const result = aResult("one", archive);
    for (const entry of [aChunk("one", 0), aChunk("one", 100), result]) await outbox.append(entry);
    await publisherFor(outbox);
    await vi.waitFor(() => expect(ingested.entryIds).toContain("one/result"), { timeout: 20_000 });
    expect(ingested.entryIds).toEqual(["one/trace/0", "one/trace/100", "one/result"]);
    const coordinator = await nats.connect(coordinatorUser);
    const bucket = await coordinator.jetstream().views.os(nodeWorkspaceBucket("a"));
    const stored = await bucket.getBlob(result.workspace?.digest ?? "");
    expect(sha256(stored ?? Buffer.alloc(0))).toBe(result.workspace?.digest);
  });

  test("sends an entry again after a restart without the stream storing it twice", async () => {
    await outbox.append(aChunk("two", 0));
    const first = await publisherFor(outbox);
    await vi.waitFor(() => expect(first.isDrained).toBe(true), { timeout: 20_000 });
    stop.abort();
    await running;
    stop = new AbortController();
    const reopened = await Outbox.open({ folder, maxBytes: 10_000_000, log });
    await reopened.append(aChunk("two", 100));
    const second = await publisherFor(reopened);
    await vi.waitFor(() => expect(second.isDrained).toBe(true), { timeout: 20_000 });
    await vi.waitFor(() => expect(ingested.entryIds).toContain("two/trace/100"));
    expect(ingested.entryIds).toEqual(["two/trace/0", "two/trace/100"]);
  });

  test("delivers what was appended while NATS was away", async () => {
    const publisher = await publisherFor(outbox);
    const watcher = await nats.connect(nodeUser("a"));
    process.kill(nats.server.pid, "SIGSTOP");
    try {
      await outbox.append(aChunk("three", 0));
      publisher.nudge();
      await outbox.append(aResult("three", Buffer.from("archive")));
      for await (const status of watcher.status()) {
        if (status.type === Events.Disconnect) break;
      }
      expect(publisher.isDrained).toBe(false);
    } finally {
      process.kill(nats.server.pid, "SIGCONT");
    }
    await vi.waitFor(() => expect(ingested.entryIds).toEqual(["three/trace/0", "three/result"]), {
      timeout: 60_000,
    });
  });
});
