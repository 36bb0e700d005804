import { eq, sql } from "drizzle-orm";
import { beforeAll, describe, expect, it } from "vitest";
import { completeSweeps } from "../../coordinator/scheduler/round.ts";
import { attempts, sweeps } from "../../coordinator/store/schema.ts";
import {
  ask,
  askJson,
  attempt,
  auditAll,
  database,
  judgedAttempt,
  runOf,
  runsOf,
  submit,
  useVerdictLab,
  writeTask,
} from "../support/verdict-lab.ts";

useVerdictLab();
beforeAll(() => writeTask("t"));

const stateOf = async (name: string) =>
  (await database.queries.select().from(sweeps).where(eq(sweeps.name, name)))[0]!.state;

/** A completed sweep of three runs: the first reached the grader and passed, the others did not reach it. */
async function aCompletedSweep() {
  const name = await submit(["t"], { seeds: 3 });
  const all = await runsOf(name);
  const reached = await judgedAttempt(all[0]!, "passed", { says: ["reached"] });
  await judgedAttempt(all[1]!, "failed", { says: ["attempted"] });
  await judgedAttempt(all[2]!, "failed");
  await auditAll();
  await completeSweeps(database);
  expect(await stateOf(name)).toBe("completed");
  return { name, all, reached };
}

describe("`sweep requeue --reached`", () => {
  it("shows the runs and changes nothing without --yes", async () => {
    const { name, all } = await aCompletedSweep();
    const { exitCode, stdout } = await ask("requeue", name, "--reached");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`\n${all[0]!.id} +${name} +m +pi +t +1 +1\n`));
    expect(stdout).toContain("1 run would be made again; nothing is changed yet, --yes does it");
    expect(await stateOf(name)).toBe("completed");
    expect(await runOf(all[0]!.id)).toMatchObject({ state: "graded" });
  });

  it("makes them pending again, keeps what they left, marked, and the sweep goes on", async () => {
    const { name, all, reached } = await aCompletedSweep();
    const run = all[0]!;
    await database.queries.execute(sql`update runs set failures = 2 where id = ${run.id}`);
    expect((await ask("requeue", name, "--reached", "--yes")).stdout).toContain(
      "1 run pending again",
    );
    expect(await stateOf(name)).toBe("active");
    expect(await runOf(run.id)).toMatchObject({
      state: "pending",
      acceptedAttemptId: null,
      failures: 0,
      reason: "requeued: the agent reached the grader",
    });
    for (const other of all.slice(1))
      expect(await runOf(other.id)).toMatchObject({ state: "graded" });
    expect((await ask("results", name)).stdout).toMatch(/m +pi +0\/2 .* 1 +strict/);
    const [marked] = await database.queries
      .select()
      .from(attempts)
      .where(eq(attempts.id, reached.attemptId));
    expect(marked).toMatchObject({
      ending: "completed",
      setAsideReason: "the agent reached the grader",
    });
    expect((await ask("audit", name)).stdout).toMatch(/\nm +pi +1 +0 +1 +0 +0 +1\n/);

    await judgedAttempt(run, "passed");
    await auditAll();
    expect(await runOf(run.id)).toMatchObject({ state: "graded" });
    expect((await ask("results", name)).stdout).toMatch(/m +pi +1\/3 .* 0 +strict/);
    const shown = await ask("show", String(run.id));
    expect(shown.stdout).toContain(
      "completed (put aside, not counted: the agent reached the grader)",
    );
    expect(shown.stdout).toContain("completed (accepted)");
    // Nothing is left to make again, and the sweep can end again.
    expect((await ask("requeue", name, "--reached", "--yes")).stdout).toContain("nothing to make");
    await completeSweeps(database);
    expect(await stateOf(name)).toBe("completed");
  });

  it("takes runs by their numbers, and refuses those that did not reach the grader", async () => {
    const { name, all } = await aCompletedSweep();
    const ids = all.map(({ id }) => String(id));
    const refused = await ask("requeue", ids[0]!, ids[1]!, "--reached", "--yes");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(`run ${ids[1]} is graded, and its audit says attempted`);
    expect(await runOf(all[0]!.id)).toMatchObject({ state: "graded" });
    expect(await askJson("requeue", ids[0]!, "--reached", "--yes")).toMatchObject({
      done: true,
      runs: [{ runId: ids[0], sweepName: name, attemptNumber: 1 }],
    });
    const again = await ask("requeue", ids[0]!, "--reached", "--yes");
    expect(again.stderr).toContain(`run ${ids[0]} is pending`);
  });

  it("is the only way: without --reached nothing is asked of the coordinator", async () => {
    const { name, all } = await aCompletedSweep();
    expect((await ask("requeue", name, "--yes")).exitCode).toBe(2);
    expect(await runOf(all[0]!.id)).toMatchObject({ state: "graded" });
  });

  it("leaves a pause as it is, and refuses a cancelled sweep", async () => {
    const name = await submit(["t"], { seeds: 2 });
    const [run] = await runsOf(name);
    await judgedAttempt(run!, "passed", { says: ["reached"] });
    await auditAll();
    await ask("pause", name);
    await ask("requeue", name, "--reached", "--yes");
    expect(await stateOf(name)).toBe("paused");
    expect(await runOf(run!.id)).toMatchObject({ state: "pending" });
    await ask("cancel", name);
    const { exitCode, stderr } = await ask("requeue", name, "--reached", "--yes");
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 1 });
    expect(stderr).toContain("was cancelled");
  });

  it("twice at once puts each result aside once", async () => {
    const { name, all } = await aCompletedSweep();
    const both = await Promise.all([
      ask("requeue", name, "--reached", "--yes"),
      ask("requeue", name, "--reached", "--yes"),
    ]);
    for (const { exitCode } of both) expect(exitCode).toBe(0);
    const grant = await attempt(all[0]!);
    expect(grant).toMatchObject({ attemptNumber: 2, epoch: 2 });
    expect(await runOf(all[0]!.id)).toMatchObject({ acceptedAttemptId: grant.attemptId });
  });
});
