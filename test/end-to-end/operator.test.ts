import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { stringify } from "yaml";
import { z } from "zod";
import { packageRoot } from "../../proto/package-root.ts";
import { type DemoLab, processesNaming, startDemoLab } from "./demo-lab.ts";

/** A bound against hanging, not a measurement. */
const within = { timeout: 60_000, interval: 200 };
let folder: string;
let demoLab: DemoLab;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sweep-operator-"));
  const skills = { solves: { right: 1, stall: 0 }, stalls: { right: 0, stall: 1 } };
  for (const [name, skill] of Object.entries(skills)) {
    const weights = {
      format: "harness-sweep/scripted-model/1",
      answers: join(packageRoot, "deploy/demo/answers"),
      skill: { default: skill },
    };
    writeFileSync(join(folder, `${name}.yaml`), stringify(weights));
  }
  demoLab = await startDemoLab({ node: { models: [folder] } });
});
afterAll(async () => {
  await demoLab?.end();
  rmSync(folder, { recursive: true, force: true });
});

/** Submits a sweep of one cell: Pi on one task, with a model that always solves or always stalls. */
async function submit(
  name: string,
  sweep: { model: "solves" | "stalls"; seeds: number; wallSeconds?: number },
  ...options: string[]
): Promise<void> {
  const { model, seeds, wallSeconds = 240 } = sweep;
  const file = join(folder, `sweep-${name}.yaml`);
  const definition = {
    name,
    models: [{ kind: "scripted", name: model, path: `${model}.yaml` }],
    harnesses: ["pi"],
    tasks: ["p2_shortest_path"],
    seeds,
    limits: { wall_seconds: wallSeconds, output_tokens: 10_000_000, turns: 100_000 },
  };
  writeFileSync(file, stringify(definition));
  await demoLab.sweep("run", file, ...options);
}

const statesOf = async (sweep: string) =>
  (await demoLab.results(sweep)).map(({ state }) => state).sort();

const untilStates = (sweep: string, states: readonly string[]) =>
  vi.waitFor(async () => expect(await statesOf(sweep)).toEqual(states), within);

const untilCompleted = (sweep: string) =>
  vi.waitFor(
    async () => expect(await demoLab.sweep("status", sweep)).toContain(`${sweep} completed`),
    within,
  );

const leases = () => demoLab.query(z.object({ run_id: z.coerce.string() }), "select * from leases");

const attemptsOf = (sweep: string) =>
  demoLab.query(
    z.object({ node: z.string(), ending: z.string().nullable() }),
    `select nodes.name as node, attempts.ending from attempts
     join nodes on nodes.id = attempts.node_id join runs on runs.id = attempts.run_id
     join sweeps on sweeps.id = runs.sweep_id where sweeps.name = $1 order by nodes.name`,
    sweep,
  );

it("a sweep that is cancelled in its middle leaves no lease, no process of a harness, and free nodes", async () => {
  await submit("cancelled", { model: "stalls", seeds: 4 });
  await untilStates("cancelled", ["pending", "pending", "running", "running"]);
  const harnesses = () =>
    processesNaming(demoLab.folder).filter((line) => line.includes("attempts"));
  if (process.platform === "linux") {
    await vi.waitFor(() => expect(harnesses()).not.toEqual([]), within);
  }
  expect(await demoLab.sweep("cancel", "cancelled")).toBe("cancelled is cancelled\n");
  expect(await statesOf("cancelled")).toEqual(Array(4).fill("cancelled"));
  expect(await leases()).toEqual([]);
  await vi.waitFor(() => expect(harnesses()).toEqual([]), within);
  await submit("afterwards", { model: "solves", seeds: 4 });
  await untilCompleted("afterwards");
  const nodes = (await attemptsOf("afterwards")).map(({ node }) => node);
  expect([...new Set(nodes)]).toEqual(["node-1", "node-2"]);
});

it("a paused sweep finishes what runs and starts nothing, and goes on when it is resumed", async () => {
  await submit("paused", { model: "stalls", seeds: 4, wallSeconds: 8 });
  await untilStates("paused", ["pending", "pending", "running", "running"]);
  await demoLab.sweep("pause", "paused");
  // Nodes that take a later sweep had the chance to take this one.
  await submit("overtakes", { model: "solves", seeds: 4 });
  await untilCompleted("overtakes");
  expect(await statesOf("paused")).toEqual(["graded", "graded", "pending", "pending"]);
  await demoLab.sweep("resume", "paused");
  await untilCompleted("paused");
  expect((await attemptsOf("paused")).map(({ ending }) => ending)).toEqual(
    Array(4).fill("timeout"),
  );
});

it("a drained node finishes its run and takes no other, until it is drained with --off", async () => {
  await submit("drained", { model: "stalls", seeds: 4, wallSeconds: 8 });
  await untilStates("drained", ["pending", "pending", "running", "running"]);
  expect(await demoLab.sweep("drain", "node-1")).toBe("node-1: draining\n");
  await untilCompleted("drained");
  const on = (node: string, runs: number) =>
    Array.from({ length: runs }, () => ({ node, ending: "timeout" }));
  expect(await attemptsOf("drained")).toEqual([...on("node-1", 1), ...on("node-2", 3)]);
  expect(await demoLab.sweep("drain", "node-1", "--off")).toBe("node-1: connected\n");
  await submit("returned", { model: "stalls", seeds: 2, wallSeconds: 8 });
  await untilCompleted("returned");
  expect(await attemptsOf("returned")).toEqual([...on("node-1", 1), ...on("node-2", 1)]);
});

it("a completed sweep that is amended runs its new seeds alone and completes again", async () => {
  await submit("amended", { model: "solves", seeds: 1 });
  await untilCompleted("amended");
  const [first] = await demoLab.results("amended");
  await submit("amended", { model: "solves", seeds: 3 }, "--amend");
  await untilCompleted("amended");
  const results = await demoLab.results("amended");
  expect(results).toContainEqual(first);
  expect(results.map(({ seed, outcome, attempts }) => [seed, outcome, attempts])).toEqual([
    [1, "passed", 1],
    [2, "passed", 1],
    [3, "passed", 1],
  ]);
});
