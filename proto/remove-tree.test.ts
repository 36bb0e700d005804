import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { removeTree, reopenTree } from "./remove-tree.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sweep-tree-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("a folder that untrusted code wrote to", () => {
  test("can be removed although folders in it were closed", async () => {
    const closed = join(folder, "tree/closed");
    await mkdir(closed, { recursive: true });
    await writeFile(join(closed, "file"), "");
    await chmod(closed, 0o000);
    await removeTree(join(folder, "tree"));
    expect(await readdir(folder)).toEqual([]);
  });

  test("is readable again after it was closed, and programs in it stay programs", async () => {
    const closed = join(folder, "tree/closed");
    await mkdir(closed, { recursive: true });
    await writeFile(join(closed, "program"), "", { mode: 0o111 });
    await chmod(closed, 0o000);
    await reopenTree(join(folder, "tree"));
    expect((await stat(closed)).mode & 0o777).toBe(0o700);
    expect((await stat(join(closed, "program"))).mode & 0o777).toBe(0o511);
  });

  test("may be absent when it is to be removed", async () => {
    await removeTree(join(folder, "absent"));
    expect(await readdir(folder)).toEqual([]);
  });
});
