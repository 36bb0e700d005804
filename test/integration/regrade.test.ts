import { eq, sql } from "drizzle-orm";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { identityDigest } from "../../coordinator/cell-identity.ts";
import type { Grant } from "../../coordinator/leases/ledger.ts";
import { adoptVersions, storedIdentity } from "../../coordinator/regrading/adopt.ts";
import { selectRows } from "../../coordinator/store/rows.ts";
import { cells, models, tasks } from "../../coordinator/store/schema.ts";
import { AttemptOutcome } from "../../proto/gen/sweep/v1/run_pb.ts";
import { silentLog } from "../support/silent-log.ts";
import {
  ask,
  askJson,
  attempt,
  auditAll,
  changes,
  database,
  judge,
  judgedAttempt,
  runOf,
  runsOf,
  submit,
  useVerdictLab,
  writeTask,
} from "../support/verdict-lab.ts";

useVerdictLab();
beforeEach(() => {
  writeTask("t");
  writeTask("u");
});

const newTests = { "tests/test.sh": "a better test" };

const progress = z.object({
  regrades: z.array(
    z.object({
      regradeId: z.string(),
      task: z.string(),
      versionOfCells: z.boolean(),
      workspaces: z.int(),
      open: z.int(),
      ungraded: z.int(),
      unchanged: z.int(),
      passedToFailed: z.int(),
      failedToPassed: z.int(),
      firstVerdicts: z.int(),
      adopted: z.boolean(),
      refusal: z.string(),
      changes: z.array(z.object({ runId: z.string(), before: z.string(), after: z.string() })),
    }),
  ),
});

const last = async (target: string) =>
  progress.parse(await askJson("regrade", target, "--last", "--no-wait")).regrades;

const untilAskedFor = (target: string) =>
  vi.waitFor(() => last(target), { timeout: 60_000, interval: 50 });

const adopt = async () => {
  const adopted = await adoptVersions(database, silentLog);
  changes.notify();
  return adopted;
};

/** A sweep of this many seeds of the task `t`, whose runs passed and failed in turn. */
async function aGradedSweep(seeds: number) {
  const name = await submit(["t"], { seeds });
  const all = await runsOf(name);
  const attempts: Grant[] = [];
  for (const [index, run] of all.entries()) {
    attempts.push(await judgedAttempt(run, index % 2 === 0 ? "passed" : "failed"));
  }
  return { name, all, attempts };
}

const countsOf = async (name: string) =>
  (
    await database.queries.execute(
      sql`select passed, failed, planned from cell_results where sweep = ${name} order by task`,
    )
  )[0];

const versionsOf = (runId: number) =>
  selectRows(
    database.queries,
    z.object({ state: z.string(), counts: z.boolean(), own: z.boolean(), regrade: z.boolean() }),
    sql`select state, counts, version_of_cell as own, regrade_id is not null as regrade
        from grades_by_version where run_id = ${runId} order by number`,
  );

describe("`sweep regrade`", () => {
  it("grades stored workspaces with the new version, keeps both verdicts and shows the delta", async () => {
    const { name, all, attempts } = await aGradedSweep(4);
    writeTask("t", newTests);
    const waiting = ask("regrade", name);
    await untilAskedFor(name);
    expect(await last(name)).toMatchObject([{ workspaces: 4, open: 4, versionOfCells: false }]);
    await judge(attempts[0]!, "failed");
    await judge(attempts[1]!, "passed");
    await judge(attempts[2]!, "passed");
    await judge(attempts[3]!, "failed");
    const { exitCode, stdout } = await waiting;
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\nt +[0-9a-f]{12} +4 +1 +1 +2 +0 +0 +0\n/);
    expect(stdout).toMatch(new RegExp(`\n${all[0]!.id} +m +pi +t +1 +passed +failed\n`));
    expect(stdout).toMatch(new RegExp(`\n${all[1]!.id} +m +pi +t +2 +failed +passed\n`));
    expect(stdout).toContain("t: counts as before; --adopt would let these verdicts count");
    expect(await versionsOf(all[0]!.id)).toEqual([
      { state: "passed", counts: true, own: true, regrade: false },
      { state: "failed", counts: false, own: false, regrade: true },
    ]);
    expect(await countsOf(name)).toEqual({ passed: 2, failed: 2, planned: 4 });
    for (const { id } of all) expect(await runOf(id)).toMatchObject({ state: "graded" });
    expect((await ask("show", String(all[0]!.id))).stdout).toMatch(
      /grade failed by g: .*, graded again with hidden [0-9a-f]{12}, not counted\n/,
    );
  });

  it("grades one run, or one task, and leaves the others", async () => {
    const name = await submit(["t", "u"], { seeds: 2 });
    const all = await runsOf(name);
    for (const run of all) await judgedAttempt(run, "passed");
    await ask("regrade", String(all[0]!.id), "--no-wait");
    expect(await last(String(all[0]!.id))).toMatchObject([{ task: "t", workspaces: 1, open: 1 }]);
    await ask("regrade", name, "--task", "u", "--no-wait");
    expect(await last(name)).toMatchObject([{ task: "u", workspaces: 2, versionOfCells: true }]);
    await ask("regrade", name, "--no-wait");
    expect((await last(name)).map(({ task }) => task)).toEqual(["t", "u"]);
  });

  it("with the same version says so, and counts what was counted whatever comes out", async () => {
    const { name, all, attempts } = await aGradedSweep(1);
    await ask("regrade", name, "--no-wait");
    await judge(attempts[0]!, "failed");
    const { stdout } = await ask("regrade", name, "--last");
    expect(stdout).toMatch(/\nt +the one that counts +1 +1 +0 +0 +0 +0 +0\n/);
    expect(await countsOf(name)).toEqual({ passed: 1, failed: 0, planned: 1 });
    expect(await versionsOf(all[0]!.id)).toMatchObject([{ counts: true }, { counts: false }]);
  });

  it("tries again where the grader fails, says so in the end, and moves no run", async () => {
    const { name, all, attempts } = await aGradedSweep(2);
    await ask("regrade", name, "--no-wait");
    expect(await judge(attempts[0]!, "grader_error")).toBe(3);
    await judge(attempts[1]!, "failed");
    const { exitCode, stderr } = await ask("regrade", name, "--last");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("the grader failed on 1 workspace");
    expect(await last(name)).toMatchObject([{ workspaces: 2, ungraded: 1, unchanged: 1, open: 0 }]);
    for (const { id } of all) expect(await runOf(id)).toMatchObject({ state: "graded" });
  });

  it("leaves a run alone that was requeued meanwhile", async () => {
    const name = await submit(["t"]);
    const [run] = await runsOf(name);
    const grant = await judgedAttempt(run!, "passed", { says: ["reached"] });
    await auditAll();
    await ask("regrade", name, "--no-wait");
    await ask("requeue", name, "--reached", "--yes");
    await judge(grant, "failed");
    expect(await runOf(run!.id)).toMatchObject({ state: "pending", acceptedAttemptId: null });
    expect(await versionsOf(run!.id)).toMatchObject([{ counts: false }, { counts: false }]);
  });

  it("brings a run its first verdict that the grader's failures had ended", async () => {
    const name = await submit(["t"]);
    const [run] = await runsOf(name);
    const grant = await attempt(run!);
    await judge(grant, "grader_error");
    expect(await runOf(run!.id)).toMatchObject({ state: "exhausted" });
    await ask("regrade", name, "--no-wait");
    await judge(grant, "passed");
    expect(await last(name)).toMatchObject([{ firstVerdicts: 1, unchanged: 0 }]);
    expect(await runOf(run!.id)).toMatchObject({ state: "graded" });
    expect(await countsOf(name)).toEqual({ passed: 1, failed: 0, planned: 1 });
  });

  it.each([
    ["a task the sweep has not", ["--task", "w"], /has no task "w"/],
    [
      "a result with no workspace",
      [],
      /nothing to grade again: no run of .* has an accepted result/,
    ],
  ])("refuses %s", async (_what, words, message) => {
    const name = await submit(["t"]);
    const [run] = await runsOf(name);
    await attempt(run!, { outcome: AttemptOutcome.TIMEOUT });
    const { exitCode, stderr } = await ask("regrade", name, ...words);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(message);
  });

  it("refuses to adopt for a single run, and --last with what starts one", async () => {
    const { name, all } = await aGradedSweep(1);
    const one = await ask("regrade", String(all[0]!.id), "--adopt");
    expect(one.stderr).toContain(`name its sweep, ${name}`);
    expect((await ask("regrade", name, "--last", "--adopt")).exitCode).toBe(2);
  });
});

describe("`sweep regrade --adopt`", () => {
  it("lets the new verdicts count, all at once, when every workspace has one", async () => {
    const { name, all, attempts } = await aGradedSweep(2);
    const [before] = await database.queries
      .select()
      .from(cells)
      .where(eq(cells.id, all[0]!.cellId));
    writeTask("t", newTests);
    const waiting = ask("regrade", name, "--adopt");
    await untilAskedFor(name);
    await judge(attempts[0]!, "failed");
    expect(await adopt()).toBe(0);
    expect(await countsOf(name)).toEqual({ passed: 1, failed: 1, planned: 2 });
    await judge(attempts[1]!, "failed");
    expect(await adopt()).toBe(1);
    expect((await waiting).stdout).toContain(
      "t: the cells are of this version now, and these verdicts count",
    );
    expect(await countsOf(name)).toEqual({ passed: 0, failed: 2, planned: 2 });
    expect(await versionsOf(all[0]!.id)).toEqual([
      { state: "passed", counts: false, own: false, regrade: false },
      { state: "failed", counts: true, own: true, regrade: true },
    ]);
    const [after] = await database.queries.select().from(cells).where(eq(cells.id, all[0]!.cellId));
    expect(after!.identity).not.toBe(before!.identity);
    // The same file is the same sweep now: it can be amended, which it could not with another version.
    expect(await submit(["t"], { name, seeds: 3, amend: true })).toBe(name);
  });

  it("reckons the identity of a cell as its submission did", async () => {
    const name = await submit(["t"], { harnesses: "pi, aider" });
    const rows = await database.queries
      .select({ cell: cells, model: models, task: tasks })
      .from(cells)
      .innerJoin(models, eq(models.id, cells.modelId))
      .innerJoin(tasks, eq(tasks.id, cells.taskId))
      .where(sql`${cells.sweepId} = (select id from sweeps where name = ${name})`);
    expect(rows).toHaveLength(2);
    for (const row of rows) {
      expect(identityDigest(storedIdentity(row, row.task))).toBe(row.cell.identity);
    }
  });

  it("first grades what came in meanwhile, and waits for what is being graded", async () => {
    const name = await submit(["t"], { seeds: 3 });
    const all = await runsOf(name);
    const first = await judgedAttempt(all[0]!, "passed");
    writeTask("t", newTests);
    await ask("regrade", name, "--adopt", "--no-wait");
    const second = await judgedAttempt(all[1]!, "passed");
    const third = await attempt(all[2]!);
    await judge(first, "passed");
    expect(await adopt()).toBe(0);
    expect(await last(name)).toMatchObject([{ workspaces: 2, open: 1, adopted: false }]);
    await judge(second, "failed");
    expect(await adopt()).toBe(0);
    await judge(third, "passed");
    expect(await adopt()).toBe(0);
    await judge(third, "passed");
    expect(await adopt()).toBe(1);
    expect(await countsOf(name)).toEqual({ passed: 2, failed: 1, planned: 3 });
    expect(await last(name)).toMatchObject([{ workspaces: 3, adopted: true }]);
  });

  it("is refused where the grader failed for good, and nothing changes", async () => {
    const { name, attempts } = await aGradedSweep(2);
    writeTask("t", newTests);
    await ask("regrade", name, "--adopt", "--no-wait");
    await judge(attempts[0]!, "failed");
    await judge(attempts[1]!, "grader_error");
    expect(await adopt()).toBe(0);
    const { stdout, exitCode } = await ask("regrade", name, "--last");
    expect(exitCode).toBe(1);
    expect(stdout).toContain("t: not adopted, the grader failed on 1 of the workspaces");
    expect(await countsOf(name)).toEqual({ passed: 1, failed: 1, planned: 2 });
  });

  it("is refused for a version that agents would have seen, which can still be graded", async () => {
    const { name, attempts } = await aGradedSweep(1);
    writeTask("t", { "instruction.md": "do something else" });
    const { exitCode, stderr } = await ask("regrade", name, "--adopt");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("agents saw another instruction.md");
    expect((await ask("regrade", name, "--no-wait")).exitCode).toBe(0);
    await judge(attempts[0]!, "failed");
    expect(await last(name)).toMatchObject([{ passedToFailed: 1 }]);
  });

  it("of a version that was adopted before counts what was found last", async () => {
    const { name, all, attempts } = await aGradedSweep(1);
    for (const [files, verdict] of [
      [newTests, "failed"],
      [{}, "failed"],
      [newTests, "passed"],
    ] as const) {
      writeTask("t", files);
      await ask("regrade", name, "--adopt", "--no-wait");
      await judge(attempts[0]!, verdict);
      expect(await adopt()).toBe(1);
      expect(await countsOf(name)).toMatchObject({ passed: verdict === "passed" ? 1 : 0 });
    }
    expect((await versionsOf(all[0]!.id)).map(({ counts }) => counts)).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });

  it("makes a run graded that the grader's failures under the old version had ended", async () => {
    const name = await submit(["t"]);
    const [run] = await runsOf(name);
    const grant = await attempt(run!);
    await judge(grant, "grader_error");
    writeTask("t", newTests);
    await ask("regrade", name, "--adopt", "--no-wait");
    await judge(grant, "passed");
    expect(await runOf(run!.id)).toMatchObject({ state: "exhausted" });
    expect(await adopt()).toBe(1);
    expect(await runOf(run!.id)).toMatchObject({ state: "graded" });
    expect(await countsOf(name)).toMatchObject({ passed: 1 });
  });
});

it("`sweep results` says where cells of a sweep have a task in several versions", async () => {
  const { name } = await aGradedSweep(1);
  writeTask("t", newTests);
  await submit(["t"], { name, harnesses: "aider", amend: true });
  const { stdout } = await ask("results", name);
  expect(stdout).toMatch(
    /t is measured in 2 versions, .*not comparable:\n {2}public [0-9a-f]{12}, hidden [0-9a-f]{12}: m x pi\n {2}public .*: m x aider\n$/,
  );
  expect(
    await database.queries.execute(
      sql`select distinct task_hidden_digest from cell_results where sweep = ${name}`,
    ),
  ).toHaveLength(2);
  expect(stdout).not.toContain("u is measured");
});
