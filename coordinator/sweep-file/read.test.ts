import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { harnessNames } from "../../proto/harness-names.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { runsOf } from "../matrix.ts";
import type { SweepDefinition } from "./definition.ts";
import { sweepFileJsonSchema } from "./json-schema.ts";
import { formatProblems } from "./problem.ts";
import { readSweepFile } from "./read.ts";

const known = { harnesses: harnessNames, tasks: ["c1_ring_buffer", "rs1_arena"] };

const valid = `name: nightly
models:
  - { kind: gguf, name: Qwen, quant: Q8_0, path: qwen/q8.gguf, context_tokens: 65536 }
  - { kind: scripted, name: steady, path: steady.yaml, sampling: { top_k: 20 } }
harnesses: [pi, claude]
tasks: [c1_ring_buffer, rs1_arena]
seeds: 3
limits: { wall_seconds: 60, turns: 9 }
sampling: { temperature: 0.7 }
exclude:
  - { models: ["Qwen*"], harnesses: [claude] }
overrides:
  - { match: { tasks: [rs1_arena] }, limits: { wall_seconds: 90 }, sampling: { min_p: 0.1 } }
`;

const hosted = (key: string) =>
  `  - { kind: hosted, name: big, api: openai, url: "https://v.example/", model: large-1, key: ${key}, price: { input_usd: 3, output_usd: 15 }, rate_limit: { requests_per_minute: 50 } }\n`;

function sweepOf(text: string): SweepDefinition {
  const reading = readSweepFile(text, known);
  if (reading.kind === "invalid") throw new Error(formatProblems("f", reading.problems));
  return reading.sweep;
}

function problemsOf(text: string): string[] {
  const reading = readSweepFile(text, known);
  if (reading.kind === "valid") throw new Error("the file was accepted");
  return formatProblems("f.yaml", reading.problems).split("\n");
}

/** The valid file with one piece of it replaced. */
const withChange = (before: string, after: string) => {
  expect(valid).toContain(before);
  return valid.replace(before, after);
};

test("a valid file is read with its defaults filled in", () => {
  expect(sweepOf(valid)).toEqual({
    name: "nightly",
    models: [
      {
        label: "Qwen@Q8_0",
        quant: "Q8_0",
        kind: "gguf",
        path: "qwen/q8.gguf",
        contextTokens: 65536,
        sampling: {},
        chatTemplatePath: null,
        hosted: null,
      },
      {
        label: "steady",
        quant: null,
        kind: "scripted",
        path: "steady.yaml",
        contextTokens: 32768,
        sampling: { topK: 20 },
        chatTemplatePath: null,
        hosted: null,
      },
    ],
    harnesses: ["pi", "claude"],
    tasks: ["c1_ring_buffer", "rs1_arena"],
    seeds: [1, 2, 3],
    include: [],
    exclude: [{ models: ["Qwen*"], harnesses: ["claude"] }],
    overrides: [
      { match: { tasks: ["rs1_arena"] }, limits: { wallSeconds: 90 }, sampling: { minP: 0.1 } },
    ],
    limits: { wallSeconds: 60, outputTokens: 0, turns: 9 },
    sampling: { temperature: 0.7 },
    determinism: "reproducible",
    sandbox: "strict",
    decoy: false,
    spendingCapUsd: null,
    maxAttempts: 3,
  });
});

describe("a problem is reported with line, column, path, what was found and what is accepted:", () => {
  test.each([
    [
      "an unknown harness, with the nearest known name",
      withChange("[pi, claude]", "[pi, cluade]"),
      'f.yaml:5:17: harnesses[1]: found "cluade"; accepted: one of aider, claude, opencode, pi, qwen (did you mean claude?), or custom: and the name of a command template of the nodes',
    ],
    [
      "a model listed twice",
      withChange("name: steady", "name: Qwen, quant: Q8_0"),
      'f.yaml:4:5: models[1]: found "Qwen@Q8_0"; accepted: each of them once (models[0] is the same)',
    ],
    [
      "zero seeds",
      withChange("seeds: 3", "seeds: 0"),
      "f.yaml:7:8: seeds: found 0; accepted: a count from 1 to 100000, or a list of at least one seed from 0 to 2147483647",
    ],
    [
      "an empty list of seeds",
      withChange("seeds: 3", "seeds: []"),
      "f.yaml:7:8: seeds: found []; accepted: a count from 1 to 100000, or a list of at least one seed from 0 to 2147483647",
    ],
    [
      "a seed listed twice",
      withChange("seeds: 3", "seeds: [1, 2, 1]"),
      "f.yaml:7:15: seeds[2]: found 1; accepted: each of them once (seeds[0] is the same)",
    ],
    [
      "a value of the wrong type",
      withChange("wall_seconds: 60", "wall_seconds: soon"),
      'f.yaml:8:25: limits.wall_seconds: found "soon"; accepted: a whole number from 1 to 604800',
    ],
    [
      "a setting that is missing, at the mapping that lacks it",
      withChange("wall_seconds: 60, ", ""),
      "f.yaml:8:9: limits.wall_seconds: found nothing; accepted: a whole number from 1 to 604800",
    ],
    [
      "an unknown key, at the key",
      withChange("turns: 9", "turn: 9"),
      'f.yaml:8:29: limits.turn: found the unknown key "turn"; accepted: only the keys wall_seconds, output_tokens, turns',
    ],
    [
      "an unknown kind of model",
      withChange("kind: scripted", "kind: rented"),
      'f.yaml:4:13: models[1].kind: found "rented"; accepted: gguf, scripted or hosted',
    ],
    [
      "a key in place of where to find it",
      valid.replace(/ {2}- \{ kind: scripted.*\n/, hosted("sk-123")),
      'f.yaml:4:93: models[1].key: found "sk-123"; accepted: env: and the name of an environment variable of the nodes',
    ],
    [
      "an unknown determinism",
      `${valid}determinism: total\n`,
      'f.yaml:14:14: determinism: found "total"; accepted: one of reproducible, throughput',
    ],
    [
      "a harness that is neither driven nor a template",
      withChange("harnesses: [pi, claude]", "harnesses: [pi, custom:No]"),
      'f.yaml:5:17: harnesses[1]: found "custom:No"; accepted: one of aider, claude, opencode, pi, qwen, or custom: and the name of a command template of the nodes',
    ],
    [
      "weights outside of the model folder",
      withChange("qwen/q8.gguf", "qwen/../../q8.gguf"),
      'f.yaml:3:50: models[0].path: found "qwen/../../q8.gguf"; accepted: a path relative to a model folder of the nodes, without ..',
    ],
    [
      "a name in a rule that nothing declares",
      withChange("harnesses: [claude]", "harnesses: [qwen]"),
      'f.yaml:11:38: exclude[0].harnesses[0]: found "qwen"; accepted: a name or pattern that matches one of pi, claude',
    ],
    [
      "a rule that matches no cell",
      `${valid}  - { match: { models: ["Qwen*"], harnesses: [claude] } }\n`,
      'f.yaml:14:5: overrides[1]: found {"match":{"models":["Qwen*"],"harnesses":["claude"]}}; accepted: a rule that matches at least one cell left to it',
    ],
    [
      "rules that leave no cell",
      withChange('models: ["Qwen*"], harnesses: [claude]', 'models: ["*"]').replace(
        /overrides:[^]*/,
        "",
      ),
      "f.yaml:1:1: found a matrix without any cell; accepted: rules that leave at least one cell",
    ],
    [
      "a task without a folder, once something else is wrong as well",
      withChange("seeds: 3", "seeds: -1").replace(
        "tasks: [c1_ring_buffer",
        "tasks: [c1_ring_bufer",
      ),
      'f.yaml:6:9: tasks[0]: found "c1_ring_bufer"; accepted: a task that has a folder: c1_ring_buffer, rs1_arena (did you mean c1_ring_buffer?)',
    ],
    [
      "more runs than a sweep may have",
      withChange("seeds: 3", "seeds: 100000").replace("tasks: [", "tasks: [a, b, c, d, "),
      "f.yaml:7:8: seeds: found 2400000 runs; accepted: a matrix of at most 1000000 runs",
    ],
    [
      "a repeated key",
      `${valid}seeds: 4\n`,
      "f.yaml:14:1: found Map keys must be unique; accepted: one YAML document without repeated keys",
    ],
    [
      "an empty file",
      "",
      "f.yaml:1:1: found null; accepted: a mapping with the keys name, models, harnesses, tasks, seeds, context_tokens, limits, sampling, determinism, sandbox, decoy, spending, retries, include, exclude, overrides",
    ],
  ])("%s", (_, text, problem) => {
    expect(problemsOf(text)).toContain(problem);
  });
});

test("all problems of a file are reported at once, in the order of its lines", () => {
  const text = valid
    .replace("nightly", "two words")
    .replace("[pi, claude]", "[pi, cluade, pi]")
    .replace("[c1_ring_buffer, rs1_arena]", "[c1_ring_buffer, rs1_arena, rs1_arena]")
    .replace("seeds: 3", "seeds: none")
    .replace("turns: 9", "turn: 9");
  const places = problemsOf(text).map((line) => line.replace(/: found .*/, ""));
  expect(places).toEqual([
    "f.yaml:1:7: name",
    "f.yaml:5:17: harnesses[1]",
    "f.yaml:6:36: tasks[2]",
    "f.yaml:7:8: seeds",
    "f.yaml:8:29: limits.turn",
  ]);
});

test("text that is not YAML is a problem with a position, whatever it is", () => {
  for (const text of ["a: [1", "\t- x", "a: *nobody", "%YAML 9\n---\n!!", "a: 1\n---\nb: 2"]) {
    expect(problemsOf(text)[0]).toMatch(/^f\.yaml:\d+:\d+: /);
  }
});

test("a task without a folder is told apart, so that its runs can be planned", () => {
  const reading = readSweepFile(withChange("tasks: [", "tasks: [p9_later, "), known);
  expect(reading).toMatchObject({
    kind: "valid",
    missingTasks: [{ line: 6, path: "tasks[0]", found: '"p9_later"' }],
  });
});

test("the published study is 1360 runs per seed", () => {
  const text = readFileSync(join(packageRoot, "deploy/examples/study.yaml"), "utf8");
  const sweep = sweepOf(text);
  expect([sweep.models.length, sweep.harnesses.length, sweep.tasks.length]).toEqual([17, 5, 16]);
  expect(runsOf({ ...sweep, seeds: [1] })).toHaveLength(1360);
});

test("the demo is 32 runs", () => {
  const sweep = sweepOf(readFileSync(join(packageRoot, "deploy/demo/sweep.yaml"), "utf8"));
  expect(runsOf(sweep)).toHaveLength(32);
});

test("the schema for editors is in step; `npx tsx coordinator/sweep-file/write-json-schema.ts` writes it", () => {
  const path = join(packageRoot, "deploy/sweep.schema.json");
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(sweepFileJsonSchema());
});

test("every example names the schema for editors", () => {
  const examples = readdirSync(join(packageRoot, "deploy/examples"))
    .filter((name) => name.endsWith(".yaml"))
    .map((name) => `deploy/examples/${name}`);
  for (const example of [...examples, "deploy/demo/sweep.yaml"]) {
    expect(readFileSync(join(packageRoot, example), "utf8")).toMatch(
      /^# yaml-language-server: \$schema=\.\.\/sweep\.schema\.json\n/,
    );
  }
});
