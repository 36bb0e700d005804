import { randomUUID } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkTasks, type VariantCheck } from "../../grader/check-tasks.ts";
import { importTask } from "../../grader/import-task/import-task.ts";
import type { Machine } from "../../grader/machine.ts";
import { createTask } from "../../grader/new-task.ts";
import { checklistOf } from "../../grader/task-checklist.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { platformSandbox } from "../../proto/sandbox/platform-sandbox.ts";
import { taskLanguages } from "../../proto/task/task-definition.ts";
import { findToolchains } from "../../proto/toolchains.ts";

const root = join(packageRoot, "tasks");
let scratchFolder: string;
let machine: Machine;

beforeAll(async () => {
  scratchFolder = mkdtempSync(join(tmpdir(), "sweep-tasks-"));
  machine = { sandbox: await platformSandbox(), toolchains: await findToolchains() };
});
afterAll(() => rmSync(scratchFolder, { recursive: true, force: true }));

async function check(
  roots: readonly string[],
  ids: readonly string[] = [],
): Promise<VariantCheck[]> {
  const signal = new AbortController().signal;
  const rows: VariantCheck[] = [];
  const options = { roots, ids, repeats: 1, jobs: 2, scratchFolder, machine, signal };
  for await (const row of checkTasks(options)) rows.push(row);
  return rows;
}

describe("the check of tasks", () => {
  test("finds what makes a task unusable", async () => {
    const own = mkdtempSync(join(tmpdir(), "sweep-bad-tasks-"));
    const copy = (name: string) => {
      const folder = join(own, name);
      cpSync(join(root, "sql1_recursive"), folder, { recursive: true });
      rmSync(join(folder, "solution", "right"), { recursive: true });
      rmSync(join(folder, "solution", "wrong"), { recursive: true });
      rmSync(join(folder, "solution", "variants.toml"));
      return (file: string, content: string) => {
        mkdirSync(join(folder, file, ".."), { recursive: true });
        writeFileSync(join(folder, file), content);
      };
    };
    try {
      copy("a_unsolved")("solution/solve.sh", "true");
      copy("b_broken")("solution/solve.sh", "echo no >&2; exit 4");
      copy("c_lenient")("tests/test.sh", 'echo 1 > "$HARNESS_SWEEP_LOGS/reward.txt"');
      copy("d_invalid")("task.toml", "nonsense");
      const write = copy("e_uncaught");
      write("solution/wrong/lazy/note.txt", "as it was");
      write(
        "solution/variants.toml",
        '[wrong.lazy]\nmistake = "none"\ncaught_by = ["absent_check"]',
      );
      copy("f_undescribed")("solution/wrong/forgotten/note.txt", "who am I");
      mkdirSync(join(own, "no-task"));
      const rows = await check([own]);
      expect(rows.map(({ task, variant, faults }) => [task, variant.name, faults.join()])).toEqual([
        ["a_unsolved", "untouched", ""],
        ["a_unsolved", "solution", expect.stringMatching(/^failed where passed was expected/)],
        ["b_broken", "untouched", ""],
        ["b_broken", "solution", expect.stringMatching(/grader_error .*solve\.sh.*status 4.*no/)],
        ["c_lenient", "untouched", expect.stringMatching(/^passed where failed was expected/)],
        ["c_lenient", "solution", ""],
        ["d_invalid", "solution", expect.stringContaining("task.toml")],
        ["e_uncaught", "untouched", ""],
        ["e_uncaught", "solution", ""],
        ["e_uncaught", "lazy", "there is no check absent_check, which should catch it"],
        ["f_undescribed", "solution", expect.stringMatching(/forgotten is not described/)],
      ]);
    } finally {
      rmSync(own, { recursive: true });
    }
  });

  test("refuses a task that is not there and names those that are", async () => {
    await expect(check([root], ["p9_absent"])).rejects.toThrow(/p9_absent.*c1_ring_buffer/);
  });
});

describe("a new task", () => {
  test.each(taskLanguages)(
    "in %s works from the start, with a checklist of what is left to do",
    async (language) => {
      const own = mkdtempSync(join(tmpdir(), "sweep-new-tasks-"));
      try {
        const folder = await createTask({ into: own, id: "p9_new", language, uuid: randomUUID() });
        const rows = await check([own]);
        expect(rows.map(({ variant, faults }) => [variant.name, faults])).toEqual([
          ["untouched", []],
          ["solution", []],
          ["one_by_one", []],
          ["forgets_the_last", []],
        ]);
        const open = (await checklistOf(folder, rows)).filter((point) => point.open !== "");
        expect(open.map((point) => point.open)).toEqual(["found 3", "found 1", "found 1"]);
      } finally {
        rmSync(own, { recursive: true });
      }
    },
  );

  test("is refused where there is one of that name", async () => {
    const own = mkdtempSync(join(tmpdir(), "sweep-new-tasks-"));
    try {
      const options = { into: own, id: "p9_new", language: "python" as const, uuid: randomUUID() };
      await createTask(options);
      await expect(createTask(options)).rejects.toThrow(/p9_new is there already/);
      await expect(createTask({ ...options, id: "no name" })).rejects.toThrow(/accepted: letters/);
      expect(readdirSync(own)).toEqual(["p9_new"]);
    } finally {
      rmSync(own, { recursive: true });
    }
  });
});

test("a task in Harbor's layout from elsewhere is taken in and graded", async () => {
  const own = mkdtempSync(join(tmpdir(), "sweep-imported-"));
  const write = (file: string, content: string) => {
    mkdirSync(join(own, "elsewhere", file, ".."), { recursive: true });
    writeFileSync(join(own, "elsewhere", file), content);
  };
  try {
    write("task.toml", "[verifier]\ntimeout_sec = 60.0\n");
    write("instruction.md", "Write the sum of the numbers in numbers.txt to sum.txt.");
    write("environment/Dockerfile", "FROM debian\nWORKDIR /app\nCOPY numbers.txt .\n");
    write("environment/numbers.txt", "1\n2\n");
    write(
      "tests/test.sh",
      '[ "$(cat /app/sum.txt)" = 3 ] && echo 1 > /logs/verifier/reward.txt || echo 0 > /logs/verifier/reward.txt\n',
    );
    write("solution/solve.sh", "echo 3 > /app/sum.txt\n");
    mkdirSync(join(own, "tasks"));
    const from = join(own, "elsewhere");
    await importTask({ from, into: join(own, "tasks"), id: "sum", language: "python" });
    const rows = await check([join(own, "tasks")]);
    expect(rows.map(({ variant, faults }) => [variant.name, faults])).toEqual([
      ["untouched", []],
      ["solution", []],
    ]);
  } finally {
    rmSync(own, { recursive: true });
  }
});
