import { expect, test } from "vitest";
import { sweep } from "../support/cli.ts";

test("`tasks check` proves a task by its variants", async () => {
  const { exitCode, stdout } = await sweep([
    "tasks",
    "check",
    "sql1_recursive",
    "--repeats",
    "1",
    "--json",
  ]);
  const rows = stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  expect(rows).toContainEqual(
    expect.objectContaining({ task: "sql1_recursive", kind: "solution", ok: true }),
  );
  expect(rows).toContainEqual(expect.objectContaining({ kind: "wrong", expected: "failed" }));
  expect(exitCode).toBe(0);
});

test("`tasks check` of a task that is not there ends with 2 and names those that are", async () => {
  const { exitCode, stderr } = await sweep(["tasks", "check", "sql9_nowhere"]);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/no task sql9_nowhere.*sql1_recursive/);
});
