import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Outbox } from "./outbox.ts";
import { type Deliver, OutboxPublisher } from "./publisher.ts";

const log = pino({ level: "silent" });
let folder: string;
let outbox: Outbox;
const stop = { controller: new AbortController(), running: Promise.resolve() };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "publisher-"));
  outbox = await Outbox.open({ folder, maxBytes: 1_000_000, log });
  stop.controller = new AbortController();
});
afterEach(async () => {
  stop.controller.abort();
  await stop.running;
  await rm(folder, { recursive: true });
});

function start(
  deliver: Deliver,
  ask: (ids: readonly string[]) => boolean = () => false,
): OutboxPublisher {
  const publisher = new OutboxPublisher({ outbox, deliver, ask, random: () => 0.1, log });
  stop.running = publisher.run(stop.controller.signal);
  return publisher;
}

async function append(...ids: string[]): Promise<void> {
  for (const id of ids) {
    const attemptId = id.slice(0, id.indexOf("/"));
    await outbox.append({
      id,
      attemptId,
      kind: "trace",
      payload: Buffer.from(id),
      workspace: null,
    });
  }
}

describe("outbox publisher", () => {
  test("while NATS is away it keeps trying, and then delivers in order", async () => {
    await append("a/trace/0", "a/trace/1", "a/trace/2");
    const delivered: string[] = [];
    let failuresLeft = 4;
    const publisher = start((entry) => {
      failuresLeft -= 1;
      if (failuresLeft >= 0) return Promise.reject(new Error("no responders"));
      delivered.push(entry.id);
      return Promise.resolve();
    });
    await vi.waitFor(() => expect(publisher.isDrained).toBe(true));
    expect(delivered).toEqual(["a/trace/0", "a/trace/1", "a/trace/2"]);
  });

  test("a failure in the middle lets nothing of that attempt overtake", async () => {
    await append("a/trace/0", "b/trace/0", "a/trace/1", "b/trace/1");
    const delivered: string[] = [];
    let failed = false;
    const publisher = start((entry) => {
      if (entry.id === "a/trace/0" && !failed) {
        failed = true;
        return Promise.reject(new Error("timeout"));
      }
      delivered.push(entry.id);
      return Promise.resolve();
    });
    await vi.waitFor(() => expect(publisher.isDrained).toBe(true));
    expect(delivered.filter((id) => id.startsWith("a"))).toEqual(["a/trace/0", "a/trace/1"]);
    expect(delivered.filter((id) => id.startsWith("b"))).toEqual(["b/trace/0", "b/trace/1"]);
  });

  test("an entry stays on disk after its publish and leaves when it is reported committed", async () => {
    await append("a/trace/0");
    const publisher = start(() => Promise.resolve());
    await vi.waitFor(() => expect(publisher.isDrained).toBe(true));
    expect(outbox.entries()).toHaveLength(1);
    await publisher.committed(["a/trace/0", "never/heard/of"]);
    expect(outbox.entries()).toEqual([]);
  });

  test("what is appended later is delivered after a nudge", async () => {
    const delivered: string[] = [];
    const publisher = start((entry) => {
      delivered.push(entry.id);
      return Promise.resolve();
    });
    await append("a/trace/0");
    publisher.nudge();
    await vi.waitFor(() => expect(delivered).toEqual(["a/trace/0"]));
  });

  test("a new session asks about everything in the outbox", async () => {
    await append("a/trace/0", "b/trace/0");
    const asked: string[] = [];
    const publisher = start(
      () => Promise.resolve(),
      (ids) => {
        asked.push(...ids);
        return true;
      },
    );
    await vi.waitFor(() => expect(publisher.isDrained).toBe(true));
    publisher.sessionBegan();
    expect(asked).toEqual(["a/trace/0", "b/trace/0"]);
  });
});
