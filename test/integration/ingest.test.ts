import { createHash } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { eq, sql } from "drizzle-orm";
import type { NatsConnection } from "nats";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { committedEntries } from "../../coordinator/ingest/committed-entries.ts";
import { ingestEvents } from "../../coordinator/ingest/consumer.ts";
import type { Stored } from "../../coordinator/ingest/store-batch.ts";
import { type Grant, grantLeases } from "../../coordinator/leases/ledger.ts";
import { storeSweep } from "../../coordinator/operator/submit.ts";
import type { Database } from "../../coordinator/store/database.ts";
import { selectRows } from "../../coordinator/store/rows.ts";
import { attempts, runs, workspaces } from "../../coordinator/store/schema.ts";
import { rejectedMessages, traceChunks } from "../../coordinator/store/trace-tables.ts";
import { grades } from "../../coordinator/store/verdict-tables.ts";
import { GradeOutcome } from "../../proto/gen/sweep/v1/event_pb.ts";
import { coordinatorUser, graderUser, nodeUser } from "../../proto/nats/permissions.ts";
import { ensureTopology } from "../../proto/nats/topology.ts";
import {
  eventStream,
  ingestConsumer,
  nodeWorkspaceBucket,
  resultSubject,
  traceSubject,
  verdictSubject,
} from "../../proto/subjects.ts";
import { startTestNats, type TestNats } from "../support/nats.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";
import { silentLog } from "../support/silent-log.ts";
import {
  aChunk,
  aNode,
  aResult,
  aSubmission,
  aVerdict,
  aWorkspace,
  encoded,
} from "../support/submission.ts";

let nats: TestNats;
let testDatabase: TestDatabase;
let database: Database;
let coordinator: NatsConnection;
let node: NatsConnection;
let nodeId: string;
let sweepNumber = 0;
let attempt: Grant;

beforeAll(async () => {
  nats = await startTestNats({ nodes: ["a"], graders: ["g"] });
  testDatabase = await createTestDatabase();
  database = testDatabase.database;
  coordinator = await nats.connect(coordinatorUser);
  node = await nats.connect(nodeUser("a"));
  nodeId = await aNode(database, "a");
});
afterAll(async () => {
  await nats?.stop();
  await testDatabase?.drop();
});

let stop: AbortController;
let stored: Stored[];
let ingest: Promise<void>;
beforeEach(async () => {
  stop = new AbortController();
  stored = [];
  const name = `ingest-${(sweepNumber += 1)}`;
  const { sweepId } = await storeSweep(database, aSubmission({ name }), false);
  const [run] = await database.queries.select().from(runs).where(eq(runs.sweepId, sweepId));
  const granted = await database.transact((tx) =>
    grantLeases(tx, [{ runId: run!.id, nodeId }], 600_000),
  );
  attempt = granted[0]!;
});
afterEach(async () => {
  stop.abort();
  await ingest;
});

function startIngest(into = database): void {
  ingest = ingestEvents({
    connection: coordinator,
    database: into,
    onStored: (batch) => void stored.push(...batch),
    signal: stop.signal,
    log: silentLog,
  });
}
const publish = (subject: string, payload: Uint8Array, entryId: string) =>
  node.jetstream().publish(subject, payload, { msgID: entryId });
const publishChunk = (
  first: number,
  count: number,
  entryId = `${attempt.attemptId}/trace/${first}`,
) => publish(traceSubject("a"), encoded.chunk(aChunk(attempt, first, count)), entryId);
const publishResult = () =>
  publish(resultSubject("a"), encoded.result(aResult(attempt)), `${attempt.attemptId}/result`);
const putWorkspace = async () => {
  const bucket = await node.jetstream().views.os(nodeWorkspaceBucket("a"));
  await bucket.putBlob({ name: aResult(attempt).workspace!.digest }, aWorkspace);
};
const untilStored = (count: number) =>
  vi.waitFor(() => expect(stored.length).toBeGreaterThanOrEqual(count), { timeout: 20_000 });
const untilAcknowledged = async () => {
  const manager = await coordinator.jetstreamManager();
  await vi.waitFor(
    async () => {
      const info = await manager.consumers.info(eventStream, ingestConsumer);
      expect(info.num_pending + info.num_ack_pending).toBe(0);
    },
    { timeout: 20_000 },
  );
};

describe("ingest", () => {
  it("stores chunks, result and workspace, and acknowledges only then", async () => {
    await publishChunk(0, 100);
    await publishChunk(100, 7);
    await putWorkspace();
    await publishResult();
    startIngest();
    await untilStored(3);
    await untilAcknowledged();
    expect(stored.map(({ fate }) => fate)).toEqual(["stored", "stored", "accepted"]);
    const [row] = await database.queries
      .select()
      .from(workspaces)
      .where(eq(workspaces.digest, aResult(attempt).workspace!.digest));
    expect(row?.archive.equals(aWorkspace)).toBe(true);
    const calls = await selectRows(
      database.queries,
      z.object({ model_calls: z.int(), side_calls: z.int() }),
      sql`select model_calls, side_calls from run_results where attempt_id = ${attempt.attemptId}`,
    );
    expect(calls).toEqual([{ model_calls: 3, side_calls: 1 }]);
    const entryIds = [0, 100].map((first) => `${attempt.attemptId}/trace/${first}`);
    expect(
      await committedEntries(database.queries, [
        ...entryIds,
        `${attempt.attemptId}/result`,
        `${attempt.attemptId}/trace/107`,
        "nonsense",
      ]),
    ).toEqual([...entryIds, `${attempt.attemptId}/result`]);
  });

  it("counts nothing twice when everything is delivered again under other message ids", async () => {
    await putWorkspace();
    for (const round of ["one", "two", "three"]) {
      await publishChunk(0, 10, `${attempt.attemptId}/trace/0?${round}`);
      await publish(resultSubject("a"), encoded.result(aResult(attempt)), `result?${round}`);
    }
    startIngest();
    await untilStored(6);
    expect(stored.filter(({ fate }) => fate === "accepted")).toHaveLength(1);
    expect(stored.filter(({ fate }) => fate === "duplicate")).toHaveLength(2);
    expect(
      await database.queries.$count(traceChunks, eq(traceChunks.attemptId, attempt.attemptId)),
    ).toBe(1);
    expect(await database.queries.$count(grades, eq(grades.attemptId, attempt.attemptId))).toBe(1);
  });

  it("keeps poison as rejected and stores all that stands around it", async () => {
    await publishChunk(0, 5);
    await publish(traceSubject("a"), Buffer.from([0xff, 0xfe]), "garbage");
    const elsewhere = { attemptId: "6f1c2f0e-8b0a-4f7e-9a55-0d5f5d1c0001", epoch: 1 };
    await publish(traceSubject("a"), encoded.chunk(aChunk(elsewhere, 0, 1)), "unknown attempt");
    const lying = aChunk(attempt, 50, 2);
    lying.eventCount = 3;
    await publish(traceSubject("a"), encoded.chunk(lying), "lying header");
    await publishChunk(5, 5);
    startIngest();
    await untilStored(5);
    await untilAcknowledged();
    expect(
      await database.queries.$count(traceChunks, eq(traceChunks.attemptId, attempt.attemptId)),
    ).toBe(2);
    const kept = await database.queries
      .select()
      .from(rejectedMessages)
      .orderBy(rejectedMessages.id);
    expect(kept.map(({ entryId }) => entryId).sort()).toEqual([
      "garbage",
      "lying header",
      "unknown attempt",
    ]);
    expect(kept.find(({ entryId }) => entryId === "lying header")?.reason).toContain(
      "holds 2 events, its header says 3",
    );
    expect(await committedEntries(database.queries, ["garbage"])).toEqual(["garbage"]);
  });

  it("waits with a result until its workspace is there", async () => {
    const other = Buffer.from(`workspace of ${attempt.attemptId}`);
    const digest = createHash("sha256").update(other).digest("hex");
    const result = aResult(attempt);
    result.workspace!.digest = digest;
    startIngest();
    await publish(resultSubject("a"), encoded.result(result), `${attempt.attemptId}/result`);
    await publishChunk(0, 1);
    await untilStored(1);
    expect(stored.map(({ fate }) => fate)).toEqual(["stored"]);
    const bucket = await node.jetstream().views.os(nodeWorkspaceBucket("a"));
    await bucket.putBlob({ name: digest }, other);
    await untilStored(2);
    expect(stored.at(-1)?.fate).toBe("accepted");
  });

  it("takes a workspace out of its node's bucket also when it rests in Postgres already", async () => {
    const { digest } = aResult(attempt).workspace!;
    await database.queries
      .insert(workspaces)
      .values({ digest, archive: aWorkspace })
      .onConflictDoNothing();
    await putWorkspace();
    await publishResult();
    startIngest();
    const bucket = await coordinator.jetstream().views.os(nodeWorkspaceBucket("a"));
    await vi.waitFor(
      async () => expect(await bucket.info(digest)).toMatchObject({ deleted: true }),
      {
        timeout: 20_000,
      },
    );
  });

  it("asks for no more messages than it keeps, however long the database is away", async () => {
    const published = 700;
    for (let first = 0; first < published; first += 1) await publishChunk(first, 1);
    const server = new EventEmitter();
    const back = once(server, "back");
    const away: Database = {
      ...database,
      transact: async (work) => {
        await back;
        return database.transact(work);
      },
    };
    startIngest(away);
    const manager = await coordinator.jetstreamManager();
    const untilItWaits = async () => {
      const info = await manager.consumers.info(eventStream, ingestConsumer);
      expect(info).toMatchObject({ num_waiting: 0 });
      expect(info.num_ack_pending).toBeGreaterThan(256);
      expect(info.num_ack_pending).toBeLessThanOrEqual(512);
    };
    await vi.waitFor(untilItWaits, { timeout: 20_000 });
    server.emit("back");
    await untilStored(published);
    await untilAcknowledged();
  });

  it("fails rather than waits for ever when its consumer is deleted", async () => {
    startIngest();
    const manager = await coordinator.jetstreamManager();
    await vi.waitFor(async () => {
      const info = await manager.consumers.info(eventStream, ingestConsumer);
      expect(info.num_waiting).toBe(1);
    });
    await Promise.all([
      expect(ingest).rejects.toThrow(/consumer deleted/),
      manager.consumers.delete(eventStream, ingestConsumer),
    ]);
    await ensureTopology(coordinator, ["a"]);
    startIngest();
    await publishChunk(0, 1);
    await untilStored(1);
  });

  it("takes what a stopped ingest left unacknowledged, once", async () => {
    await publishChunk(0, 10);
    startIngest();
    await untilStored(1);
    stop.abort();
    await ingest;
    // The server knows now that nobody waits any more; it would hand the next message to nobody.
    await coordinator.flush();
    await publishChunk(10, 10);
    stop = new AbortController();
    startIngest();
    await untilStored(2);
    await untilAcknowledged();
    expect(
      await database.queries.$count(traceChunks, eq(traceChunks.attemptId, attempt.attemptId)),
    ).toBe(2);
  });

  it("moves a run to its end by the verdict of a grader", async () => {
    await putWorkspace();
    await publishResult();
    startIngest();
    await untilStored(1);
    const [grade] = await database.queries
      .select()
      .from(grades)
      .where(eq(grades.attemptId, attempt.attemptId));
    const grader = await nats.connect(graderUser("g"));
    const verdict = aVerdict(grade!.id, GradeOutcome.FAILED, "two checks failed");
    await grader
      .jetstream()
      .publish(verdictSubject("g"), encoded.verdict(verdict), { msgID: verdict.entryId });
    await untilStored(2);
    const [run] = await database.queries
      .select({ state: runs.state })
      .from(runs)
      .innerJoin(attempts, eq(attempts.runId, runs.id))
      .where(eq(attempts.id, attempt.attemptId));
    expect(run?.state).toBe("graded");
  });
});
