import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { groupIsEmpty, isRunning } from "../test/support/processes.ts";
import { packageRoot } from "./package-root.ts";
import { spawnTethered, TetherError, type TetherOptions } from "./tether.ts";

/** Ignores SIGTERM, as does the child that it leaves in its group. */
const stubborn = "trap '' TERM; sleep 600 & echo up; while :; do sleep 1; done";

/** Orphans are reaped by the first process of the machine, which may take its time. */
const patience = { timeout: 20_000 };

describe("a tethered program", { timeout: 30_000 }, () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "tether-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const shell = (
    script: string,
    { more = [], ...options }: Partial<TetherOptions> & { more?: string[] } = {},
  ) =>
    spawnTethered({
      program: "/bin/sh",
      arguments: ["-c", script, ...more],
      environment: { PATH: process.env["PATH"] ?? "" },
      workingFolder: folder,
      stdout: "pipe",
      stderr: "ignore",
      stopSignal: "SIGTERM",
      graceMs: 200,
      ...options,
    });
  test("keeps its own exit code", async () => {
    expect(await (await shell("exit 7")).exited).toEqual({ code: 7, signal: null });
  });

  test("keeps the signal that ended it", async () => {
    const child = await shell("kill -s USR1 $$; sleep 600");
    expect(await child.exited).toEqual({ code: null, signal: "SIGUSR1" });
  });

  test("gets exactly the environment and arguments given, and no pipe of the tether", async () => {
    const child = await shell(`(: >&3) 2>/dev/null && echo open || echo closed; echo "$1"; env`, {
      environment: { PATH: "/usr/bin:/bin", ONLY: "this" },
      more: ["shell", "a  b $HOME"],
    });
    const lines = (await text(child.stdout!)).trim().split("\n");
    expect(lines.slice(0, 2)).toEqual(["closed", "a  b $HOME"]);
    // The shell adds its working folder and level by itself.
    const names = lines.slice(2).map((line) => line.slice(0, line.indexOf("=")));
    expect(names.filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name)).sort()).toEqual([
      "ONLY",
      "PATH",
    ]);
  });

  test("leaves no watcher behind when it ends by itself", async () => {
    const child = await shell("exit 0");
    await child.exited;
    await expect.poll(() => groupIsEmpty(child.pid), patience).toBe(true);
  });

  test("can stop in order, and stopping twice is stopping once", async () => {
    const child = await shell("trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done", {
      graceMs: 20_000,
    });
    await once(child.stdout!, "data");
    const statuses = await Promise.all([child.stop(), child.stop()]);
    expect(statuses).toEqual([
      { code: 3, signal: null },
      { code: 3, signal: null },
    ]);
  });

  test("is killed with its group when it ignores the stop signal", async () => {
    const child = await shell(stubborn);
    await once(child.stdout!, "data");
    expect(await child.stop()).toEqual({ code: null, signal: "SIGKILL" });
    await expect.poll(() => groupIsEmpty(child.pid), patience).toBe(true);
  });

  test("that cannot be executed is refused by name", async () => {
    await expect(shell("", { program: join(folder, "absent") })).rejects.toThrow(TetherError);
    await expect(shell("", { program: join(folder, "absent") })).rejects.toThrow(
      join(folder, "absent"),
    );
  });

  describe("whose parent is killed with SIGKILL", () => {
    const parents: ChildProcess[] = [];
    afterEach(() => {
      for (const parent of parents.splice(0)) parent.kill("SIGKILL");
    });

    async function killParentOf(script: string, graceMs: number): Promise<number> {
      const program = join(packageRoot, "test/support/tether-parent.ts");
      const parent = spawn(
        process.execPath,
        ["--import", "tsx", program, script, String(graceMs)],
        {
          cwd: packageRoot,
          stdio: ["ignore", "pipe", "inherit"],
        },
      );
      parents.push(parent);
      const [line] = await once(parent.stdout, "data");
      const pid = Number(String(line));
      expect(isRunning(pid)).toBe(true);
      parent.kill("SIGKILL");
      return pid;
    }

    test("is asked to stop in order", async () => {
      const mark = join(folder, "stopped-in-order");
      const pid = await killParentOf(
        `trap 'touch ${mark}; exit 0' TERM; echo up; while :; do sleep 0.05; done`,
        20_000,
      );
      await expect.poll(() => isRunning(pid), patience).toBe(false);
      expect(existsSync(mark)).toBe(true);
    });

    test("is killed with its group after the grace if it does not stop", async () => {
      const pid = await killParentOf(stubborn, 300);
      await expect.poll(() => isRunning(pid), patience).toBe(false);
      await expect.poll(() => groupIsEmpty(pid), patience).toBe(true);
    });
  });
});
