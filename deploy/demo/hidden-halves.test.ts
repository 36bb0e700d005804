import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../proto/package-root.ts";

const tasksFolder = join(packageRoot, "tasks");
const canary = /harness-sweep-canary-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

const tasks = readdirSync(tasksFolder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

describe("hidden halves", () => {
  it.each(tasks)("%s has a canary in every hidden file and in no public one", (task) => {
    const folder = join(tasksFolder, task);
    const hidden = [...filesUnder(join(folder, "tests")), ...filesUnder(join(folder, "solution"))];
    const isHidden = new Set(hidden);
    expect(hidden.filter((path) => !canary.test(readFileSync(path, "utf8")))).toEqual([]);
    const open = filesUnder(folder).filter((path) => !isHidden.has(path));
    expect(open.filter((path) => canary.test(readFileSync(path, "utf8")))).toEqual([]);
  });

  it("share one text of the Python that runs checks, where they have it", () => {
    const texts = tasks
      .map((task) => join(tasksFolder, task, "tests/checking.py"))
      .filter((path) => existsSync(path))
      .map((path) => readFileSync(path, "utf8"));
    expect(texts.length).toBeGreaterThan(0);
    expect(new Set(texts).size).toBe(1);
  });
});
