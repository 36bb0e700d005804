import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { attemptFolderOf, layOutAttemptFolder, removeLeftOverAttempts } from "./attempt-folder.ts";

let data: string;

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "attempt-"));
});
afterEach(async () => {
  await rm(data, { recursive: true, force: true });
});

async function unpackStarter(into: string): Promise<void> {
  await mkdir(join(into, "environment/workspace/src"), { recursive: true });
  await writeFile(join(into, "environment/workspace/src/a.c"), "int a;");
  await writeFile(join(into, "instruction.md"), "do it");
}

describe("attempt folder", () => {
  test("starts with a copy of the starter and an empty home, whatever was there before", async () => {
    const folder = attemptFolderOf(data, "attempt-1");
    await mkdir(folder.home, { recursive: true });
    await writeFile(join(folder.home, ".config"), "of another attempt");
    await layOutAttemptFolder(folder, unpackStarter);
    expect(await readFile(join(folder.workspace, "src/a.c"), "utf8")).toBe("int a;");
    expect(await readdir(folder.home)).toEqual([]);
    expect(await readdir(folder.temporary)).toEqual([]);
  });

  test("is an empty workspace for a task without a starter", async () => {
    const folder = attemptFolderOf(data, "attempt-1");
    await layOutAttemptFolder(folder, async (into) => mkdir(join(into, "environment")));
    expect(await readdir(folder.workspace)).toEqual([]);
  });

  test("does not accept an identifier that leads elsewhere", () => {
    expect(() => attemptFolderOf(data, "../node-id")).toThrow(/no identifier/);
  });

  test("of a killed node is removed when the next one starts", async () => {
    await layOutAttemptFolder(attemptFolderOf(data, "attempt-1"), unpackStarter);
    expect(await removeLeftOverAttempts(data)).toEqual(["attempt-1"]);
    expect(await readdir(join(data, "attempts"))).toEqual([]);
  });
});
