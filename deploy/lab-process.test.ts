import { describe, expect, test } from "vitest";
import { createRootLogger } from "../proto/log.ts";
import type { ExitStatus } from "../proto/sandbox/sandbox.ts";
import { LabProcess, restartDelayMs, type StartedProcess } from "./lab-process.ts";

const log = createRootLogger({
  name: "test",
  level: "error",
  secrets: [],
  stream: { write: () => {} },
});

/** That something does not happen shows only once its time is over. */
const restartWouldHaveCome = () =>
  new Promise((resolve) => setTimeout(resolve, restartDelayMs(1) * 2));

/** A process without a process: it ends when told to. */
class Life implements StartedProcess {
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  end: (status: ExitStatus) => void = () => {};

  constructor(pid: number) {
    this.pid = pid;
    this.exited = new Promise((resolve) => {
      this.end = resolve;
    });
  }
  kill(signal: NodeJS.Signals): void {
    this.end({ code: null, signal });
  }
  stop(): Promise<ExitStatus> {
    this.end({ code: 0, signal: null });
    return this.exited;
  }
}

function aProcess(): { process: LabProcess; lives: Life[] } {
  const lives: Life[] = [];
  const startOnce = async (): Promise<StartedProcess> => {
    const life = new Life(lives.length + 1);
    lives.push(life);
    return life;
  };
  return { process: new LabProcess({ name: "node-1", startOnce, log }), lives };
}

describe("the wait before a restart", () => {
  test("grows with deaths that follow one another and is bounded", () => {
    expect([0, 1, 2, 3].map(restartDelayMs)).toEqual([250, 500, 1_000, 2_000]);
    expect(restartDelayMs(1_000)).toBe(5_000);
  });
});

describe("a process of the lab", () => {
  test("is started once by two calls at a time", async () => {
    const { process, lives } = aProcess();
    await Promise.all([process.start(), process.start()]);
    await process.start();
    expect(lives).toHaveLength(1);
    await process.stop();
  });

  test("has its next life after a death nobody asked for", async () => {
    const { process, lives } = aProcess();
    await process.start();
    process.kill("SIGKILL");
    await expect.poll(() => process.pid, { timeout: 10_000 }).toBe(2);
    expect(lives).toHaveLength(2);
    await process.stop();
  });

  test("stays ended when it is stopped while it waits for its next life", async () => {
    const { process, lives } = aProcess();
    await process.start();
    process.kill("SIGKILL");
    await process.exited();
    await process.stop();
    await restartWouldHaveCome();
    expect(lives).toHaveLength(1);
  });

  test("is not started again when its configuration is wrong", async () => {
    const { process, lives } = aProcess();
    await process.start();
    lives[0]!.end({ code: 2, signal: null });
    await restartWouldHaveCome();
    expect(lives).toHaveLength(1);
    expect(process.pid).toBeUndefined();
  });

  test("tells its starter to give up when it is stopped while starting", async () => {
    const startOnce = (signal: AbortSignal): Promise<StartedProcess> =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(new Error("gave up"))),
      );
    const process = new LabProcess({ name: "node-1", startOnce, log });
    const starting = process.start();
    await Promise.all([expect(starting).rejects.toThrow("gave up"), process.stop()]);
    expect(process.pid).toBeUndefined();
  });
});
