import { afterAll, beforeAll, expect, it } from "vitest";
import { harnessNames } from "../../proto/harness-names.ts";
import { type DemoLab, startDemoLab } from "./demo-lab.ts";
import { predictedOutcome } from "./predicted-outcomes.ts";

let demoLab: DemoLab;
beforeAll(async () => {
  demoLab = await startDemoLab({}, harnessNames);
});
afterAll(() => demoLab?.end());

it("every harness ends every run with the outcome that its model's skill predicts", async () => {
  const sweepFile = demoLab.sweepFile({
    models: [{ kind: "scripted", name: "scripted-hasty", path: "scripted-hasty.yaml" }],
    harnesses: harnessNames,
    // With this seed each harness solves some task and fails another, and one run ends at its limit.
    seeds: [1],
    // The slowest harness takes ten seconds of an idle core before it first asks its model.
    limits: { wall_seconds: 120, output_tokens: 20_000, turns: 40 },
  });
  await demoLab.sweep("run", sweepFile, "--name", "all-harnesses");
  const runs = harnessNames.length * 4;
  await demoLab.untilEnded("all-harnesses", runs);
  const results = await demoLab.results("all-harnesses");
  expect(results).toHaveLength(runs);
  const outcomes = (outcome: (run: (typeof results)[number]) => string | null) =>
    results.map((run) => `${run.harness} ${run.task} ${run.seed}: ${outcome(run)}`);
  expect(outcomes(({ outcome }) => outcome)).toEqual(outcomes(predictedOutcome));
}, 1_300_000);
