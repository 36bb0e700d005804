import { gzipSync } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { eq } from "drizzle-orm";
import { beforeAll, beforeEach } from "vitest";
import { Changes } from "../../coordinator/changes.ts";
import { storeTrace } from "../../coordinator/ingest/store-trace.ts";
import type { Grant } from "../../coordinator/leases/ledger.ts";
import { attempts } from "../../coordinator/store/schema.ts";
import { TraceChunkSchema, TraceCodec } from "../../proto/gen/sweep/v1/event_pb.ts";
import type { RpcServer } from "../../proto/rpc/server.ts";
import type { TraceEvent, TraceEventBody } from "../../proto/trace-event.ts";
import { aLabFolder, sweep } from "./cli.ts";
import { accept, database, firstRun, grant, name1, node1, useLedger } from "./ledger.ts";
import { letPassIn } from "./let-pass.ts";
import { startOperatorServer } from "./operator-server.ts";

/** Traces on a real database behind a real server, for tests; the bindings below are those of the test that runs. */

const changes = new Changes();
let server: RpcServer;
/** The attempt that each test begins with, of the sweep's first run. */
export let attempt: Grant;

/** Gives the tests of a file a ledger and a coordinator's server, and each test an attempt. */
export function useTraces(): void {
  useLedger();
  beforeAll(startServer);
  beforeEach(async () => {
    attempt = await grant((await firstRun()).id, node1);
  });
}

async function startServer() {
  server = await startOperatorServer({ database, changes, taskRoots: [] });
  return () => server.close(500);
}

/** Stores consecutive events as one chunk, as ingest does. */
export async function store(events: readonly TraceEvent[], of: Grant = attempt): Promise<void> {
  const chunk = create(TraceChunkSchema, {
    entryId: `${of.attemptId}/trace/${events[0]?.sequence}`,
    attemptId: of.attemptId,
    epoch: of.epoch,
    firstSequence: events[0]?.sequence ?? 0,
    eventCount: events.length,
    codec: TraceCodec.JSONL_GZIP,
    events: gzipSync(events.map((event) => JSON.stringify(event)).join("\n"), { level: 1 }),
  });
  await database.transact((tx) => storeTrace(tx, [{ sender: name1, chunk }]));
  changes.notify();
}

/** Events of the node that say nothing much. */
export const ticks = (count: number, first = 0, text = "tick"): TraceEvent[] =>
  Array.from({ length: count }, (_, index) => ({
    sequence: first + index,
    atMs: 0,
    kind: "node",
    text,
  }));

/** A call of the tool `bash`. */
export const bash = (command: string): TraceEventBody => ({
  kind: "tool_call",
  callId: command,
  tool: "bash",
  input: JSON.stringify({ command }),
});

/** Runs `sweep trace` for the sweep's first run. */
export async function trace(words = "", onOutput?: (text: string) => void) {
  const { id } = await firstRun();
  const given = ["trace", String(id), ...words.split(" ").filter((word) => word !== "")];
  const options = { folder: aLabFolder(server), ...(onOutput === undefined ? {} : { onOutput }) };
  return sweep(given, options);
}
/** Numbers of the events that were printed. */
export const sequencesOf = (stdout: string): number[] =>
  [...stdout.matchAll(/^ *(\d+) {2}\d{4}-/gm)].map(([, sequence]) => Number(sequence));

/** Makes everything that is stored as old as if it had come `seconds` earlier. */
export function letPass(seconds: number): Promise<void> {
  return letPassIn(database, seconds);
}

/** The result of the attempt, which says how many events its trace has. */
export async function end(events: number): Promise<void> {
  await accept(name1, attempt);
  await database.queries
    .update(attempts)
    .set({ traceEvents: events })
    .where(eq(attempts.id, attempt.attemptId));
  changes.notify();
}
