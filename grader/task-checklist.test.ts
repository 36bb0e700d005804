import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { packageRoot } from "../proto/package-root.ts";
import { checklistOf } from "./task-checklist.ts";

const root = join(packageRoot, "tasks");
const tasks = readdirSync(root, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** Points that only grading can close. */
const shownByGrading = /named checks|right solutions|wrong ones/;

describe("the checklist", () => {
  test.each(tasks)("holds for %s as far as its files show it", async (task) => {
    const points = await checklistOf(join(root, task), []);
    const open = points.filter((point) => point.open !== "" && !shownByGrading.test(point.what));
    expect(open).toEqual([]);
  });

  test("names the files and words that leave a point open", async () => {
    const own = mkdtempSync(join(tmpdir(), "sweep-checklist-"));
    try {
      const folder = join(own, "p2_shortest_path");
      cpSync(join(root, "p2_shortest_path"), folder, { recursive: true });
      const change = (file: string, edit: (text: string) => string) =>
        writeFileSync(join(folder, file), edit(readFileSync(join(folder, file), "utf8")));
      change("instruction.md", (text) => `${text}\nYou get your reward from test.sh.\n`);
      change("task.toml", (text) => text.replace("workdir", "work_dir"));
      change("tests/graphs.py", (text) => text.replace(/harness-sweep-canary-\S+/, ""));
      change("tests/checking.py", (text) => `${text}# mine\n`);
      change("environment/workspace/shortest_path.py", () => {
        return readFileSync(join(folder, "tests/check.py"), "utf8");
      });
      const open = (await checklistOf(folder, [])).filter((point) => point.open !== "");
      expect(open.map((point) => point.open)).toEqual([
        'it says "reward"',
        'environment: Unrecognized key: "work_dir"',
        "without: tests/graphs.py",
        "with: environment/workspace/shortest_path.py",
        "others: checking.py",
        "found 0",
        "found 0",
        "found 0",
      ]);
    } finally {
      rmSync(own, { recursive: true });
    }
  });
});
