import { expect, test } from "vitest";
import { sweep } from "../support/cli.ts";

test("`tasks check` passes a task's solution and fails its untouched workspace", async () => {
  const { exitCode, stdout } = await sweep(["tasks", "check", "sql1_recursive", "--json"]);
  const rows = stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  expect(rows).toMatchObject([
    { task: "sql1_recursive", what: "solution", outcome: "passed", ok: true },
    { task: "sql1_recursive", what: "untouched", outcome: "failed", ok: true },
  ]);
  expect(exitCode).toBe(0);
});

test("`tasks check` of a task that is not there ends with 2 and names those that are", async () => {
  const { exitCode, stderr } = await sweep(["tasks", "check", "sql9_nowhere"]);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/no task sql9_nowhere.*sql1_recursive/);
});
