import { appendFileSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { z } from "zod";
import type { LabProcess } from "../../deploy/lab-process.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { type DemoLab, startDemoLab } from "./demo-lab.ts";

const task = "p2_shortest_path";
/** Seeds of the one cell of the sweep. */
const seeds = 8;

let demoLab: DemoLab;
let tasks: string;
beforeAll(async () => {
  tasks = mkdtempSync(join(tmpdir(), "sweep-tasks-"));
  cpSync(join(packageRoot, "tasks", task), join(tasks, task), { recursive: true });
  demoLab = await startDemoLab({ coordinator: { tasks: [tasks] } }, ["pi"]);
  const file = demoLab.sweepFile({
    models: [{ kind: "scripted", name: "scripted-steady", path: "scripted-steady.yaml" }],
    harnesses: ["pi"],
    tasks: [task],
    seeds,
  });
  await demoLab.sweep("run", file, "--name", "graded");
  await demoLab.untilEnded("graded", seeds);
});
afterAll(async () => {
  await demoLab?.end();
  rmSync(tasks, { recursive: true, force: true });
});

/** Workspaces of the sweep with as many verdicts under its newest regrade, and what counts of them. */
const newestVerdicts = async () => {
  const [row] = await demoLab.query(
    z.object({ once: z.int(), more: z.int(), counting: z.int(), versions: z.int() }),
    `with newest as (
       select attempt_id, count(*) as verdicts, bool_or(counts) as counts from grades_by_version
       where state in ('passed', 'failed') and regrade_id = (
         select id from regrades order by requested_at desc limit 1)
       group by attempt_id
     )
     select count(*) filter (where verdicts = 1)::integer as once,
       count(*) filter (where verdicts > 1)::integer as more,
       count(*) filter (where counts)::integer as counting,
       (select count(distinct task_hidden_digest) from grades_by_version)::integer as versions
     from newest`,
  );
  return row!;
};

const processes: readonly [string, () => LabProcess][] = [
  ["coordinator", () => demoLab.lab.coordinator],
  ["grader", () => demoLab.lab.grader],
];

it.each(processes)(
  "a regrade survives SIGKILL, in its middle, of the %s, and its version is adopted",
  async (name, processOf) => {
    const before = await demoLab.results("graded");
    const { versions } = await newestVerdicts();
    const workspaces = before.filter(({ outcome }) => outcome === "passed" || outcome === "failed");
    expect(workspaces.length).toBeGreaterThan(4);
    appendFileSync(join(tasks, task, "tests/test.sh"), `\n# before the ${name} is killed\n`);
    await demoLab.sweep("regrade", "graded", "--adopt", "--no-wait");
    await vi.waitFor(async () => expect((await newestVerdicts()).once).toBeGreaterThan(0), {
      timeout: 120_000,
    });
    const killed = processOf();
    const { pid } = killed;
    killed.kill("SIGKILL");
    await vi.waitFor(
      () => {
        expect(killed.pid).toBeDefined();
        expect(killed.pid).not.toBe(pid);
      },
      { timeout: 60_000 },
    );
    const printed = await vi.waitFor(() => demoLab.sweep("regrade", "graded", "--last"), {
      timeout: 300_000,
      interval: 500,
    });
    expect(printed).toContain("the cells are of this version now, and these verdicts count");
    expect(await newestVerdicts()).toEqual({
      once: workspaces.length,
      more: 0,
      counting: workspaces.length,
      versions: versions + 1,
    });
    const after = await demoLab.results("graded");
    expect(after.map(({ run_id, state, outcome }) => [run_id, state, outcome])).toEqual(
      before.map(({ run_id, state, outcome }) => [run_id, state, outcome]),
    );
  },
);

it("every attempt is audited by itself, and an honest one did not look for the grader", async () => {
  await vi.waitFor(
    async () => {
      const audits = await demoLab.query(
        z.object({ audit: z.string().nullable(), missing: z.int().nullable() }),
        "select audit, audit_missing_events as missing from run_results where sweep = 'graded'",
      );
      expect(audits).toEqual(Array.from({ length: seeds }, () => ({ audit: "none", missing: 0 })));
    },
    { timeout: 60_000 },
  );
  expect(await demoLab.sweep("audit", "graded")).toMatch(
    /\nscripted-steady +pi +8 +0 +0 +0 +0 +0\n/,
  );
});
