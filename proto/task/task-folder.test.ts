import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unpackArchive } from "../archive.ts";
import { packageRoot } from "../package-root.ts";
import {
  findTaskFolders,
  halfLimits,
  loadTask,
  packHiddenHalf,
  packPublicHalf,
  TaskFolderError,
} from "./task-folder.ts";

let scratch: string;
let folder: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "sweep-task-folder-"));
  folder = join(scratch, "tasks", "p2_shortest_path");
  cpSync(join(packageRoot, "tasks/p2_shortest_path"), folder, { recursive: true });
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

describe("a task folder", () => {
  it.each([
    ["instruction.md", "has no instruction.md (the text for the agent)"],
    ["task.toml", "has no task.toml"],
    ["tests/test.sh", "has no tests/test.sh (the script that grades)"],
    ["tests", "has no tests/test.sh"],
    ["solution", "has no solution/solve.sh"],
    ["environment", "has no environment/workspace"],
  ])("without %s is refused by name", async (part, message) => {
    rmSync(join(folder, part), { recursive: true });
    const error = await loadTask(folder).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TaskFolderError);
    expect(String(error)).toContain(message);
  });

  it("that is not there is refused by name", async () => {
    await expect(loadTask(join(scratch, "nothing"))).rejects.toThrow(
      /there is no task folder .*nothing/,
    );
  });

  it.each([
    ["is no TOML", "schema_version =", /task\.toml:1:\d+ is no TOML/],
    ["lacks what graders need", 'schema_version = "1.4"', /metadata: .*found nothing/],
    [
      "names an unknown language",
      '[metadata.harness_sweep]\nlanguage = "cobol"\nfiles = ["a"]\ntoolchains = []',
      /metadata\.harness_sweep\.language: .*"python".*found "cobol"/,
    ],
    [
      "has a wrong type and an unknown key",
      '[metadata.harness_sweep]\nlanguage = "c"\nfiles = "a"\ntoolchains = []\ncolour = 1',
      /metadata\.harness_sweep\.files: .*expected array.*found "a"[\s\S]*colour/,
    ],
  ])("whose task.toml %s is refused with key, found and accepted", async (_what, toml, message) => {
    writeFileSync(join(folder, "task.toml"), toml);
    await expect(loadTask(folder)).rejects.toThrow(message);
  });

  it("with a link is refused, since it would mean something else elsewhere", async () => {
    symlinkSync("/etc/passwd", join(folder, "tests/link"));
    await expect(packHiddenHalf(await loadTask(folder))).rejects.toThrow(
      /tests\/link: a symbolic link/,
    );
  });
});

describe("the halves of a task", () => {
  it("hold each its own parts: nothing hidden is in the public half", async () => {
    const task = await loadTask(folder);
    for (const [pack, parts] of [
      [packPublicHalf, ["environment", "instruction.md", "task.toml"]],
      [packHiddenHalf, ["solution", "tests"]],
    ] as const) {
      const target = mkdtempSync(join(scratch, "half-"));
      await unpackArchive((await pack(task)).archive, target, halfLimits);
      expect(readdirSync(target).sort()).toEqual(parts);
    }
  });

  it("change their digest with any byte, each on its own", async () => {
    const before = await loadTask(folder);
    const [publicBefore, hiddenBefore] = [
      await packPublicHalf(before),
      await packHiddenHalf(before),
    ];
    writeFileSync(join(folder, "tests", "more.txt"), "x");
    const after = await loadTask(folder);
    expect((await packPublicHalf(after)).contentDigest).toBe(publicBefore.contentDigest);
    expect((await packHiddenHalf(after)).contentDigest).not.toBe(hiddenBefore.contentDigest);
  });
});

describe("looking for tasks", () => {
  it("finds folders with a task.toml, by name, in every root", async () => {
    mkdirSync(join(scratch, "tasks", "notes"));
    const found = await findTaskFolders([join(scratch, "tasks")]);
    expect([...found]).toEqual([["p2_shortest_path", folder]]);
  });

  it("refuses two tasks of one name", async () => {
    await expect(findTaskFolders([join(scratch, "tasks"), join(scratch, "tasks")])).rejects.toThrow(
      /two tasks are called p2_shortest_path/,
    );
  });

  it("refuses a root that is not there", async () => {
    await expect(findTaskFolders([join(scratch, "nowhere")])).rejects.toThrow(
      /nowhere cannot be read/,
    );
  });
});
