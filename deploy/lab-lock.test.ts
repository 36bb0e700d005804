import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LabLockedError, lockLab } from "./lab-lock.ts";

describe("the lock of a lab's folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "lab-lock-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const lockFile = () => join(folder, "lab.lock");

  test("is held until it is given back", async () => {
    const unlock = await lockLab(folder);
    await expect(lockLab(folder)).rejects.toThrow(LabLockedError);
    await expect(lockLab(folder)).rejects.toThrow(`process ${process.pid}`);
    unlock();
    (await lockLab(folder))();
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([
    ["whose process has ended", { pid: 2 ** 22 + 1, command: "node cli.js dev" }],
    ["whose process id is another program's now", { pid: process.pid, command: "node cli.js dev" }],
    ["that cannot be read", "half writ"],
  ])("counts for nothing when it is one %s", async (_case, content) => {
    writeFileSync(lockFile(), typeof content === "string" ? content : JSON.stringify(content));
    const unlock = await lockLab(folder);
    expect(existsSync(lockFile())).toBe(true);
    unlock();
  });

  test("goes to exactly one of many who find the same stale one", async () => {
    writeFileSync(lockFile(), "stale");
    const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => lockLab(folder)));
    expect(attempts.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const attempt of attempts) {
      if (attempt.status === "rejected") expect(attempt.reason).toBeInstanceOf(LabLockedError);
    }
  });
});
