import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DataFolderError, lockDataFolder, readNodeId } from "./identity.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "identity-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("identity", () => {
  test("survives restarts and is readable by its owner alone", async () => {
    const nodeId = await readNodeId(folder);
    expect(await readNodeId(folder)).toBe(nodeId);
    expect((await stat(join(folder, "node-id"))).mode & 0o777).toBe(0o600);
  });

  test("that is damaged is an error that shows what was found, and stays as it is", async () => {
    await writeFile(join(folder, "node-id"), "half a uu");
    await expect(readNodeId(folder)).rejects.toThrow(/node-id is damaged: found "half a uu"/);
  });
});

describe("lock of the data folder", () => {
  test("keeps a second node out until the first has let go", async () => {
    const first = await lockDataFolder(folder);
    await expect(lockDataFolder(folder)).rejects.toBeInstanceOf(DataFolderError);
    await first.release();
    const second = await lockDataFolder(folder);
    await second.release();
  });

  test("that a dead process left behind does not keep anyone out", async () => {
    await writeFile(join(folder, "lock"), "");
    const lock = await lockDataFolder(folder);
    await expect(lockDataFolder(folder)).rejects.toThrow(/another node works/);
    await lock.release();
  });

  test("is refused for a path in which sockets have no room", async () => {
    await expect(lockDataFolder(`/tmp/${"x".repeat(100)}`)).rejects.toThrow(/shorter path/);
  });
});
