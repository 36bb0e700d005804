import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import type { LabProcess } from "../../deploy/lab-process.ts";
import { type DemoLab, startDemoLab } from "./demo-lab.ts";
import { predictedOutcome } from "./predicted-outcomes.ts";

/** Two seeds of the demo's cells. */
const runCount = 32;
const sweep = "kills";

let demoLab: DemoLab;
beforeAll(async () => {
  demoLab = await startDemoLab();
  const sweepFile = demoLab.sweepFile({
    seeds: [1, 2],
    // Twice the demo's, for a machine that starts killed processes again beside the runs.
    limits: { wall_seconds: 60, output_tokens: 20_000, turns: 40 },
  });
  await demoLab.sweep("run", sweepFile, "--name", sweep);
});
afterAll(() => demoLab?.end());

const processes: readonly [string, () => LabProcess][] = [
  ["coordinator", () => demoLab.lab.coordinator],
  ["node", () => demoLab.lab.nodes[0]!],
  ["grader", () => demoLab.lab.grader],
  ["nats", () => demoLab.lab.nats],
  ["postgres", () => demoLab.lab.postgres],
];
/** Runs that end between two kills, which leaves as many for the time after the last. */
const runsApart = Math.floor(runCount / (processes.length + 1));

describe("a sweep goes on after a SIGKILL, in its middle, of", () => {
  it.each(processes.map((each, index) => [...each, index] as const))(
    "the %s",
    async (_name, processOf, index) => {
      await demoLab.untilEnded(sweep, (index + 1) * runsApart);
      const { state } = await stateOfSweep();
      expect(state, "the sweep was to be in its middle").toBe("active");
      const killed = processOf();
      const before = killed.pid;
      killed.kill("SIGKILL");
      await vi.waitFor(
        () => {
          expect(killed.pid).toBeDefined();
          expect(killed.pid).not.toBe(before);
        },
        { timeout: 60_000 },
      );
    },
  );
});

it("has every run exactly once after all of them, as its model's skill predicts", async () => {
  await demoLab.untilEnded(sweep, runCount);
  await expectEverythingOnce();
});

it("`sweep runs --json`, the views and the tables agree", async () => {
  const { runs } = z
    .object({
      runs: z.array(
        z.object({
          runId: z.string(),
          state: z.string(),
          outcome: z.string().default(""),
          agentSeconds: z.number().optional(),
          attempts: z.int().default(0),
        }),
      ),
    })
    .parse(JSON.parse(await demoLab.sweep("runs", sweep, "--json")));
  const views = await demoLab.results(sweep);
  const tables = await demoLab.query(
    z.object({
      id: z.coerce.string(),
      ending: z.string(),
      seconds: z.number(),
      attempts: z.int(),
      verdict: z.string().nullable(),
    }),
    `select runs.id, attempts.ending, attempts.agent_seconds as seconds,
       (select count(*) from attempts as every where every.run_id = runs.id)::integer as attempts,
       (select state from grades where attempt_id = attempts.id and state in ('passed', 'failed')) as verdict
     from runs join sweeps on sweeps.id = runs.sweep_id
     join attempts on attempts.id = runs.accepted_attempt_id
     where sweeps.name = $1 order by runs.id`,
    sweep,
  );
  expect(runs).toHaveLength(runCount);
  expect(runs).toEqual(
    views.map((view) => ({
      runId: view.run_id,
      state: view.state,
      outcome: view.outcome,
      agentSeconds: view.agent_seconds,
      attempts: view.attempts,
    })),
  );
  expect(runs).toEqual(
    tables.map((row) => ({
      runId: row.id,
      state: "graded",
      outcome: row.verdict ?? row.ending,
      agentSeconds: row.seconds,
      attempts: row.attempts,
    })),
  );
  const [cells] = await demoLab.query(
    z.object({ planned: z.int(), valid: z.int(), passed: z.int(), cells: z.int() }),
    `select sum(planned)::integer as planned, sum(valid)::integer as valid,
       sum(passed)::integer as passed, count(*)::integer as cells
     from cell_results where sweep = $1`,
    sweep,
  );
  const passed = views.filter(({ outcome }) => outcome === "passed").length;
  expect(cells).toEqual({ planned: runCount, valid: runCount, passed, cells: runCount / 2 });
});

/** Every run has exactly the outcome its model's skill predicts, from one attempt whose trace is whole. */
async function expectEverythingOnce(): Promise<void> {
  const results = await demoLab.results(sweep);
  expect(results).toHaveLength(runCount);
  for (const result of results) {
    expect(result.state, JSON.stringify(result)).toBe("graded");
    expect(result.outcome, JSON.stringify(result)).toBe(predictedOutcome(result));
  }
  const [counts] = await demoLab.query(
    z.object({ doubled: z.int(), graded_twice: z.int(), incomplete: z.int(), leases: z.int() }),
    `with accepted as (
       select attempts.* from attempts join runs on runs.accepted_attempt_id = attempts.id
       join sweeps on sweeps.id = runs.sweep_id where sweeps.name = $1
     )
     select
       (select count(*) from (
          select run_id from accepted group by run_id having count(*) > 1) as more)::integer as doubled,
       (select count(*) from (
          select attempt_id from grades where state in ('passed', 'failed')
            and attempt_id in (select id from accepted) group by attempt_id having count(*) > 1) as more
       )::integer as graded_twice,
       (select count(*) from accepted where trace_events <> (
          select coalesce(sum(event_count), 0) from trace_chunks where attempt_id = accepted.id)
       )::integer as incomplete,
       (select count(*) from leases join runs on runs.id = leases.run_id
          join sweeps on sweeps.id = runs.sweep_id where sweeps.name = $1)::integer as leases`,
    sweep,
  );
  expect(counts).toEqual({ doubled: 0, graded_twice: 0, incomplete: 0, leases: 0 });
}

async function stateOfSweep(): Promise<{ readonly state: string }> {
  const row = z.object({ state: z.string() });
  const [found] = await demoLab.query(row, "select state from sweeps where name = $1", sweep);
  return found ?? { state: "absent" };
}
