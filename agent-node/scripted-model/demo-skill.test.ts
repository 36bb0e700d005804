import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../proto/package-root.ts";
import { type Conduct, decide } from "./skill.ts";
import { readAnswers, readWeights, weightsName } from "./weights.ts";

const models = ["scripted-steady", "scripted-hasty"].map((name) =>
  join(packageRoot, "deploy/demo/models", `${name}.yaml`),
);
/** What `describeHands` says of the two harnesses. */
const hands = {
  pi: "bash(command) write(path,content) read(path)",
  claude: "Bash(command) Write(file_path,content) Read(file_path)",
};
const tasks = ["c1_ring_buffer", "p2_shortest_path", "rs1_arena", "sql1_recursive"];

describe("the demo's scripted models", () => {
  const runs = models.flatMap((path) =>
    Object.entries(hands).flatMap(([harness, request]) =>
      tasks.flatMap((task) =>
        [1, 2].map((seed) => {
          const model = weightsName(path);
          const conduct = decide(readWeights(path).skill, { model, task, seed, request });
          return { run: `${model} ${harness} ${task} ${seed}`, conduct };
        }),
      ),
    ),
  );
  const count = (conduct: Conduct, model = "") =>
    runs.filter((one) => one.conduct === conduct && one.run.startsWith(model)).length;

  it("give 32 runs with passes, failures and exactly one stall", () => {
    expect(runs).toHaveLength(32);
    expect(runs.filter((one) => one.conduct === "stall").map((one) => one.run)).toEqual([
      "scripted-hasty claude c1_ring_buffer 1",
    ]);
    expect({ right: count("right"), wrong: count("wrong") }).toEqual({ right: 21, wrong: 10 });
  });

  it("differ in skill", () => {
    expect(count("right", "scripted-steady")).toBe(14);
    expect(count("right", "scripted-hasty")).toBe(7);
  });

  it("know an answer to each task of the demo", () => {
    for (const path of models)
      expect(readAnswers(readWeights(path)).map((answer) => answer.task)).toEqual(
        expect.arrayContaining(tasks),
      );
  });
});
