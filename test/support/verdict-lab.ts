import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { and, eq, inArray } from "drizzle-orm";
import { afterAll, beforeAll, expect } from "vitest";
import { type AuditAttempt, auditsOf } from "../../coordinator/auditing/audit-attempt.ts";
import { auditRound } from "../../coordinator/auditing/round.ts";
import { Changes } from "../../coordinator/changes.ts";
import { acceptResult } from "../../coordinator/ingest/accept-result.ts";
import { applyVerdict } from "../../coordinator/ingest/apply-verdict.ts";
import { storeTrace } from "../../coordinator/ingest/store-trace.ts";
import { type Grant, grantLeases } from "../../coordinator/leases/ledger.ts";
import type { Database } from "../../coordinator/store/database.ts";
import { runs, sweeps } from "../../coordinator/store/schema.ts";
import { grades } from "../../coordinator/store/verdict-tables.ts";
import { GradeOutcome, TraceChunkSchema, TraceCodec } from "../../proto/gen/sweep/v1/event_pb.ts";
import type { AttemptOutcome } from "../../proto/gen/sweep/v1/run_pb.ts";
import type { RpcServer } from "../../proto/rpc/server.ts";
import type { TraceEventBody } from "../../proto/trace-event.ts";
import { namedClasses } from "./auditing.ts";
import { aLabFolder, type CliOutcome, sweep } from "./cli.ts";
import { letPassIn } from "./let-pass.ts";
import { startOperatorServer } from "./operator-server.ts";
import { createTestDatabase, type TestDatabase } from "./postgres.ts";
import { silentLog } from "./silent-log.ts";
import { aNode, aResult, aVerdict, aWorkspace } from "./submission.ts";

/**
 * A coordinator's database and operator's service over task folders that tests write, with nodes and
 * graders that are played by hand. The bindings below are those of the test file that runs.
 */

const nodeName = "n";
let testDatabase: TestDatabase;
let server: RpcServer;
let folder: string;
let nodeId: string;
let sweepNumber = 0;
export let database: Database;
export const changes = new Changes();

/** Gives the tests of a file a lab. Traces are audited by rules of `rulesVersion`. */
export function useVerdictLab(rulesVersion = 1): void {
  beforeAll(async () => {
    testDatabase = await createTestDatabase();
    database = testDatabase.database;
    folder = mkdtempSync(join(tmpdir(), "sweep-verdicts-"));
    nodeId = await aNode(database, nodeName);
    server = await startOperatorServer({ database, changes, taskRoots: [folder], rulesVersion });
  });
  afterAll(async () => {
    await server?.close(500);
    await testDatabase?.drop();
    rmSync(folder, { recursive: true, force: true });
  });
}

/** Runs `sweep` with these words at the lab's coordinator. */
export const ask = (...words: string[]): Promise<CliOutcome> =>
  sweep(words, { folder: aLabFolder(server) });

/** The same for words with --json that must succeed. */
export async function askJson(...words: string[]): Promise<unknown> {
  const { exitCode, stdout, stderr } = await ask(...words, "--json");
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** Writes a task's folder, or another version of it. */
export function writeTask(name: string, files: Readonly<Record<string, string>> = {}): void {
  const whole = {
    "instruction.md": `write answer.py for ${name}`,
    "task.toml": [
      'schema_version = "1.4"',
      "[metadata.harness_sweep]",
      'language = "python"',
      'files = ["answer.py"]',
      'toolchains = ["python3"]',
      'isolation = "shared"',
      "[verifier]",
      "timeout_sec = 60",
      "[environment]",
      "memory_mb = 1024",
    ].join("\n"),
    "environment/workspace/answer.py": "",
    "tests/test.sh": "true",
    "solution/solve.sh": "true",
    ...files,
  };
  for (const [path, content] of Object.entries(whole)) {
    mkdirSync(dirname(join(folder, name, path)), { recursive: true });
    writeFileSync(join(folder, name, path), content);
  }
}

/** Submits a sweep of these tasks, of one model `m` and one harness unless said otherwise; answers its name. */
export async function submit(
  tasks: readonly string[],
  options: { seeds?: number; harnesses?: string; name?: string; amend?: boolean } = {},
): Promise<string> {
  const { seeds = 1, harnesses = "pi", name = `v${(sweepNumber += 1)}`, amend = false } = options;
  const path = join(folder, `${name}.yaml`);
  writeFileSync(
    path,
    `name: ${name}
models: [{ kind: scripted, name: m, path: m.yaml }]
harnesses: [${harnesses}]
tasks: [${tasks.join(", ")}]
seeds: ${seeds}
limits: { wall_seconds: 60 }
`,
  );
  const outcome = await ask("run", path, ...(amend ? ["--amend"] : []));
  expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
  return name;
}

/** The runs of a sweep in their order. */
export async function runsOf(name: string): Promise<(typeof runs.$inferSelect)[]> {
  const rows = await database.queries
    .select({ run: runs })
    .from(runs)
    .innerJoin(sweeps, eq(sweeps.id, runs.sweepId))
    .where(eq(sweeps.name, name))
    .orderBy(runs.id);
  return rows.map(({ run }) => run);
}

/** One run. */
export const runOf = async (id: number): Promise<typeof runs.$inferSelect> =>
  (await database.queries.select().from(runs).where(eq(runs.id, id)))[0]!;

/** Makes an attempt at a run: its trace says these texts, and its result names this workspace. */
export async function attempt(
  run: { readonly id: number },
  options: {
    says?: readonly string[];
    /** Events that the result speaks of, if not all. */
    traceEvents?: number;
    outcome?: AttemptOutcome;
  } = {},
): Promise<Grant> {
  const { says = ["tick"], traceEvents = says.length, outcome } = options;
  const [grant] = await database.transact((tx) =>
    grantLeases(tx, [{ runId: run.id, nodeId }], 60_000),
  );
  expect(grant).toBeDefined();
  await say(grant!, says);
  const result = aResult(grant!, outcome === undefined ? {} : { outcome });
  await database.transact((tx) =>
    acceptResult(tx, nodeName, Object.assign(result, { traceEvents }), aWorkspace),
  );
  return grant!;
}

/** Stores events of the node with these texts, from `first` on. */
export function say(grant: Grant, texts: readonly string[], first = 0): Promise<void> {
  return sayEvents(
    grant,
    texts.map((text) => ({ kind: "node", text })),
    first,
  );
}

/** Stores these events as one chunk, from `first` on. */
export async function sayEvents(
  grant: Grant,
  events: readonly TraceEventBody[],
  first: number,
): Promise<void> {
  if (events.length === 0) return;
  const lines = events.map((event, index) =>
    JSON.stringify({ sequence: first + index, atMs: 0, ...event }),
  );
  const chunk = create(TraceChunkSchema, {
    entryId: `${grant.attemptId}/trace/${first}`,
    attemptId: grant.attemptId,
    epoch: grant.epoch,
    firstSequence: first,
    eventCount: events.length,
    codec: TraceCodec.JSONL_GZIP,
    events: gzipSync(lines.join("\n")),
  });
  await database.transact((tx) => storeTrace(tx, [{ sender: nodeName, chunk }]));
}

/** Answers each open grade of an attempt, as many as follow one another; tells how many there were. */
export async function judge(
  { attemptId }: { readonly attemptId: string },
  verdict: "passed" | "failed" | "grader_error",
): Promise<number> {
  const outcomes = {
    passed: GradeOutcome.PASSED,
    failed: GradeOutcome.FAILED,
    grader_error: GradeOutcome.GRADER_ERROR,
  };
  for (let judged = 0; ; judged += 1) {
    const [open] = await database.queries
      .select({ id: grades.id })
      .from(grades)
      .where(and(eq(grades.attemptId, attemptId), inArray(grades.state, ["queued", "published"])));
    if (open === undefined) return judged;
    await database.transact((tx) => applyVerdict(tx, "g", aVerdict(open.id, outcomes[verdict])));
    changes.notify();
  }
}

/** An attempt with its verdict. */
export async function judgedAttempt(
  run: { readonly id: number },
  verdict: "passed" | "failed",
  options: Parameters<typeof attempt>[1] = {},
): Promise<Grant> {
  const grant = await attempt(run, options);
  await judge(grant, verdict);
  return grant;
}

/** One round of the loop that audits. */
export async function auditAll(rulesVersion = 1, audit?: AuditAttempt): Promise<void> {
  await auditRound({
    database,
    auditAttempt: audit ?? auditsOf(database, namedClasses(rulesVersion)),
    onChange: () => undefined,
    signal: new AbortController().signal,
    log: silentLog,
  })();
}

/** Makes everything that is stored as old as if it had come `seconds` earlier. */
export function letPass(seconds: number): Promise<void> {
  return letPassIn(database, seconds);
}
