import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { z } from "zod";
import { type DemoLab, startDemoLab } from "./demo-lab.ts";
import { predictedOutcome } from "./predicted-outcomes.ts";

let demoLab: DemoLab;
beforeAll(async () => {
  demoLab = await startDemoLab({ coordinator: { leaseTtlMs: 3_000, heartbeatMs: 500 } });
});
afterAll(() => demoLab?.end());

const attemptRow = z.object({
  attempt_id: z.string(),
  run_id: z.coerce.string(),
  ending: z.string().nullable(),
  superseded: z.boolean(),
  accepted: z.boolean(),
});

const attemptsOf = (where: string, ...values: string[]) =>
  demoLab.query(
    attemptRow,
    `select attempts.id as attempt_id, attempts.run_id, attempts.ending, attempts.superseded,
       coalesce(runs.accepted_attempt_id = attempts.id, false) as accepted
     from attempts join runs on runs.id = attempts.run_id join nodes on nodes.id = attempts.node_id
     where ${where}`,
    ...values,
  );

it("a node paused past its deadline cannot get its late result counted", async () => {
  const sweepFile = demoLab.sweepFile({
    seeds: [1],
    tasks: ["p2_shortest_path", "sql1_recursive"],
  });
  await demoLab.sweep("run", sweepFile, "--name", "paused");
  const paused = demoLab.lab.nodes[0]!;
  const held = await vi.waitFor(
    async () => {
      const running = await attemptsOf(
        "nodes.name = 'node-1' and runs.state = 'running' and ending is null",
      );
      expect(running).toHaveLength(1);
      return running[0]!;
    },
    { timeout: 60_000 },
  );
  paused.kill("SIGSTOP");
  await vi.waitFor(
    async () =>
      expect((await attemptsOf("attempts.id = $1::uuid", held.attempt_id))[0]?.ending).toBe("lost"),
    { timeout: 60_000 },
  );
  paused.kill("SIGCONT");
  await demoLab.untilEnded("paused", 8);
  // The node stops what it lost and says so; what it says is kept, and counts for nothing.
  await vi.waitFor(
    async () => {
      const [late] = await attemptsOf("attempts.id = $1::uuid", held.attempt_id);
      expect(late).toMatchObject({ superseded: true, accepted: false, ending: "lost" });
    },
    { timeout: 60_000 },
  );
  for (const result of await demoLab.results("paused")) {
    expect(result).toMatchObject({ state: "graded", outcome: predictedOutcome(result) });
  }
  const accepted = await attemptsOf(
    "attempts.run_id = $1::bigint and runs.accepted_attempt_id = attempts.id",
    held.run_id,
  );
  expect(accepted).toHaveLength(1);
  expect(accepted[0]!.attempt_id).not.toBe(held.attempt_id);
});
