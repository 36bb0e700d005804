import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { formatChecklist, formatMatrix } from "../../coordinator/cli/tasks-matrix.ts";
import { checkTasks, type VariantCheck } from "../../grader/check-tasks.ts";
import type { Machine } from "../../grader/machine.ts";
import { checklistOf } from "../../grader/task-checklist.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { platformSandbox } from "../../proto/sandbox/platform-sandbox.ts";
import { findToolchains } from "../../proto/toolchains.ts";

const root = join(packageRoot, "tasks");
const tasks = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/** All variants of one task, three times each, with builds under sanitizers. */
const taskTimeoutMs = 15 * 60_000;

let scratchFolder: string;
let machine: Machine;

beforeAll(async () => {
  scratchFolder = mkdtempSync(join(tmpdir(), "sweep-tasks-"));
  machine = { sandbox: await platformSandbox(), toolchains: await findToolchains() };
});
afterAll(() => rmSync(scratchFolder, { recursive: true, force: true }));

test("the benchmark has its twenty-four tasks", () => {
  expect(tasks).toHaveLength(24);
});

test.each(tasks)(
  "%s accepts what is right and rejects what is wrong, each time",
  {
    timeout: taskTimeoutMs,
  },
  async (task) => {
    const rows: VariantCheck[] = [];
    for await (const row of checkTasks({
      roots: [root],
      ids: [task],
      repeats: 3,
      jobs: availableParallelism(),
      scratchFolder,
      machine,
      signal: new AbortController().signal,
    })) {
      rows.push(row);
    }
    const checklist = await checklistOf(join(root, task), rows);
    process.stdout.write(`${formatMatrix(rows)}${formatChecklist(checklist)}`);
    expect(
      rows.flatMap(({ variant, faults }) => faults.map((fault) => [variant.name, fault])),
    ).toEqual([]);
    expect(checklist.filter(({ open }) => open !== "")).toEqual([]);
    expect(readdirSync(scratchFolder)).toEqual([]);
  },
);
