import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkTasks, type VariantCheck } from "../../grader/check-tasks.ts";
import type { Machine } from "../../grader/machine.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { platformSandbox } from "../../proto/sandbox/platform-sandbox.ts";
import { findToolchains } from "../../proto/toolchains.ts";

const root = join(packageRoot, "tasks");
let scratchFolder: string;
let machine: Machine;

beforeAll(async () => {
  scratchFolder = mkdtempSync(join(tmpdir(), "sweep-tasks-"));
  machine = { sandbox: await platformSandbox(), toolchains: await findToolchains() };
});
afterAll(() => rmSync(scratchFolder, { recursive: true, force: true }));

async function check(roots: readonly string[], ids?: readonly string[]): Promise<VariantCheck[]> {
  const signal = new AbortController().signal;
  const rows: VariantCheck[] = [];
  const options = {
    roots,
    repeats: 1,
    jobs: 2,
    scratchFolder,
    machine,
    signal,
    ...(ids === undefined ? {} : { ids }),
  };
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
