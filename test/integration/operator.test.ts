import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { Changes } from "../../coordinator/changes.ts";
import { operatorService } from "../../coordinator/operator/service.ts";
import { sweepReader } from "../../coordinator/operator/sweep-reader.ts";
import { refusalOf } from "../../coordinator/refusal.ts";
import { schedulerRound } from "../../coordinator/scheduler/round.ts";
import { ConnectedNodes } from "../../coordinator/sessions/connected-nodes.ts";
import { selectRows } from "../../coordinator/store/rows.ts";
import { nodes as nodesTable } from "../../coordinator/store/schema.ts";
import { OperatorService } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { harnessNames } from "../../proto/harness-names.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { implement, type RpcServer, startRpcServer } from "../../proto/rpc/server.ts";
import { auditing } from "../support/auditing.ts";
import { aLabFolder, type CliOutcome, sweep } from "../support/cli.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";
import { labToken } from "../support/rpc.ts";
import { silentLog } from "../support/silent-log.ts";
import { aNode } from "../support/submission.ts";

const minuteMs = 60_000;
let folder: string;
let database: TestDatabase;
let server: RpcServer;
let round: () => Promise<void>;
/** The scheduler's clock, which these tests move. */
let nowMs = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sweep-operator-"));
  const task = join(packageRoot, "tasks/p2_shortest_path");
  cpSync(task, join(folder, "whole"), { recursive: true });
  cpSync(task, join(folder, "untested"), { recursive: true });
  rmSync(join(folder, "untested/tests"), { recursive: true });
  database = await createTestDatabase();
  const nodes = new ConnectedNodes();
  const onChange = () => undefined;
  const now = () => nowMs;
  const log = silentLog;
  const common = { database: database.database, nodes, onChange, now, log };
  round = schedulerRound({ ...common, leaseTtlMs: minuteMs });
  const service = operatorService({
    ...common,
    reader: sweepReader([folder], harnessNames),
    auditing: auditing(database.database),
    onReopened: () => undefined,
    changes: new Changes(),
    onSubmitted: async () => undefined,
  });
  server = await startRpcServer({
    listen: "127.0.0.1:0",
    labToken,
    services: [implement(OperatorService, service)],
    refusalOf,
    log,
  });
});
afterAll(async () => {
  await server?.close(500);
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

const sweepFile = {
  name: "name: s",
  models: "models: [{ kind: scripted, name: m, path: m.yaml }]",
  harnesses: "harnesses: [pi]",
  tasks: "tasks: [whole]",
  seeds: "seeds: [1, 2]",
  limits: "limits: { wall_seconds: 60 }",
};

/** Runs `sweep run` with a file of these lines in place of {@link sweepFile}'s. */
function submit(lines: Partial<typeof sweepFile>, ...options: string[]): Promise<CliOutcome> {
  const path = join(folder, "sweep.yaml");
  writeFileSync(path, `${Object.values({ ...sweepFile, ...lines }).join("\n")}\n`);
  return sweep(["run", path, ...options], { folder: aLabFolder(server) });
}

const ask = (...words: string[]) => sweep(words, { folder: aLabFolder(server) });

async function stateOf(name: string): Promise<string | undefined> {
  const { queries } = database.database;
  const row = z.object({ state: z.string() });
  const [found] = await selectRows(
    queries,
    row,
    sql`select state from sweeps where name = ${name}`,
  );
  return found?.state;
}

const runStates = async (name: string) =>
  await selectRows(
    database.database.queries,
    z.object({ state: z.string(), reason: z.string() }),
    sql`select runs.state, runs.reason from runs join sweeps on sweeps.id = runs.sweep_id
        where sweeps.name = ${name} order by runs.id`,
  );

describe("a sweep file that cannot be run ends with 2, says what and where, and stores nothing:", () => {
  it.each<[string, Partial<typeof sweepFile>, RegExp]>([
    [
      "an unknown harness",
      { harnesses: "harnesses: [pi, pie]" },
      /sweep\.yaml:3:17: harnesses\[1\]: found "pie"; accepted: one of aider, claude/,
    ],
    [
      "a model twice",
      {
        models:
          "models: [{ kind: scripted, name: m, path: m.yaml }, { kind: scripted, name: m, path: m.yaml }]",
      },
      /sweep\.yaml:2:53: models\[1\]: found "m"; accepted: each of them once/,
    ],
    ["no seed", { seeds: "seeds: 0" }, /sweep\.yaml:5:8: seeds: found 0; accepted: a count from 1/],
    [
      "a value of the wrong type",
      { limits: "limits: { wall_seconds: ten }" },
      /sweep\.yaml:6:25: limits\.wall_seconds: found "ten"; accepted: a whole number/,
    ],
    [
      "a task without a folder",
      { tasks: "tasks: [whole, absent]" },
      /sweep\.yaml:4:16: tasks\[1\]: found "absent"; accepted: a task that has a folder/,
    ],
    ["a task without tests", { tasks: "tasks: [whole, untested]" }, /untested.*has no tests/],
  ])("%s", async (_what, lines, message) => {
    const ended = await submit(lines);
    expect(ended).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ended.stderr).toMatch(message);
    const [stored] = await selectRows(
      database.database.queries,
      z.object({ rows: z.int() }),
      sql`select ((select count(*) from sweeps) + (select count(*) from models)
            + (select count(*) from tasks) + (select count(*) from cells)
            + (select count(*) from runs))::integer as rows`,
    );
    expect(stored).toEqual({ rows: 0 });
  });
});

describe("runs that no node can execute", () => {
  const reason = "studio has no weights m.yaml";
  beforeAll(async () => {
    await aNode(database.database, "studio");
    await database.database.queries
      .update(nodesTable)
      .set({
        capabilities: {
          slots: 1,
          harnesses: [{ name: "pi", version: "1" }],
          toolchains: [{ name: "python3", version: "Python 3.11.2" }],
          sandboxProof: { passed: true },
        },
      })
      .where(eq(nodesTable.name, "studio"));
  });

  it("wait for a minute, and the status says why", async () => {
    expect(await submit({})).toMatchObject({ exitCode: 0 });
    await round();
    nowMs += minuteMs - 1;
    await round();
    const { stdout } = await ask("status", "s");
    expect(stdout).toContain("0/2 done");
    expect(stdout).toContain(`Waiting:\n`);
    expect(stdout).toContain(reason);
    expect(await stateOf("s")).toBe("active");
  });

  it("are unplaceable then, with the reason, and the sweep ends without them", async () => {
    nowMs += 1;
    await round();
    const unplaceable = { state: "unplaceable", reason };
    expect(await runStates("s")).toEqual([unplaceable, unplaceable]);
    expect((await ask("runs", "s")).stdout).toContain(reason);
    expect((await ask("results", "s")).stdout).toMatch(/ 0\/0 .* 2 +strict\n/);
    expect((await ask("status", "s", "--watch")).exitCode).toBe(1);
    expect(await stateOf("s")).toBe("completed");
  });

  it("leave a completed sweep that can be neither cancelled nor paused", async () => {
    expect(await ask("cancel", "s")).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "sweep: the sweep has completed; there is nothing to cancel\n",
    });
    expect((await ask("pause", "s")).exitCode).toBe(1);
    expect(await stateOf("s")).toBe("completed");
  });

  it("wait again, with the seeds that an amendment adds, once a node has what they need", async () => {
    await database.database.queries
      .update(nodesTable)
      .set({
        capabilities: {
          slots: 1,
          memoryBytes: String(8 * 2 ** 30),
          harnesses: [{ name: "pi", version: "1" }],
          toolchains: [{ name: "python3", version: "Python 3.11.2" }],
          sandboxProof: { passed: true },
          models: [{ path: "m.yaml", sizeBytes: 1 }],
        },
      })
      .where(eq(nodesTable.name, "studio"));
    const { stdout } = await submit({ seeds: "seeds: [1, 2, 3]" }, "--amend");
    expect(stdout).toContain("s: 1 run added, 3 in all");
    await round();
    nowMs += 2 * minuteMs;
    await round();
    const pending = { state: "pending", reason: "" };
    expect(await runStates("s")).toEqual([pending, pending, pending]);
    expect(await stateOf("s")).toBe("active");
  });

  it("are cancelled with a sweep that has not ended, whatever is asked of it afterwards", async () => {
    expect((await ask("pause", "s")).stdout).toBe("s is paused\n");
    expect((await ask("cancel", "s")).stdout).toBe("s is cancelled\n");
    expect((await ask("resume", "s")).exitCode).toBe(1);
    expect((await submit({ seeds: "seeds: 9" }, "--amend")).exitCode).toBe(1);
    const cancelled = { state: "cancelled", reason: "the sweep was cancelled" };
    expect(await runStates("s")).toEqual([cancelled, cancelled, cancelled]);
    expect(await stateOf("s")).toBe("cancelled");
  });
});
