import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readLeftFile } from "./left-file.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sweep-left-file-"));
  path = join(folder, "reward.txt");
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("a file left by untrusted code", () => {
  test("is read up to its bound", async () => {
    writeFileSync(path, "1234");
    expect(await readLeftFile(path, 4)).toEqual({ kind: "text", text: "1234" });
    expect(await readLeftFile(path, 3)).toMatchObject({ kind: "unusable" });
  });

  test("may be absent", async () => {
    expect(await readLeftFile(path, 10)).toEqual({ kind: "absent" });
  });

  test("is not read through a link, even to a file that is fine", async () => {
    writeFileSync(join(folder, "elsewhere"), "1");
    symlinkSync("elsewhere", path);
    expect(await readLeftFile(path, 10)).toMatchObject({ kind: "unusable" });
  });

  test("is not waited for if it is a pipe, and not read if it is a folder", async () => {
    execFileSync("mkfifo", [path]);
    expect(await readLeftFile(path, 10)).toMatchObject({ kind: "unusable" });
    mkdirSync(join(folder, "folder"));
    expect(await readLeftFile(join(folder, "folder"), 10)).toMatchObject({ kind: "unusable" });
  });
});
