import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { sendSignal } from "../../proto/send-signal.ts";

/** How often a process that was asked to end is looked at. */
const pollMs = 25;
const killLimitMs = 5_000;

/**
 * Command line of a process, or nothing if there is no such process or it may not be seen. A process
 * that has ended and awaits reaping has none.
 */
export async function commandOf(pid: number): Promise<string | undefined> {
  try {
    const command =
      process.platform === "linux"
        ? (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ").trim()
        : (await promisify(execFile)("ps", ["-o", "command=", "-p", String(pid)])).stdout.trim();
    return command === "" ? undefined : command;
  } catch {
    return undefined;
  }
}

/**
 * Ends a process that an earlier life of the lab left behind, and waits until it is gone. A pid says
 * little, since it may belong to somebody else by now: only a process whose command line contains
 * `belongsTo`, a path of this lab, is touched.
 *
 * @returns whether there was such a process.
 * @throws Error when it outlives SIGKILL.
 */
export async function endLeftover(options: {
  readonly pid: number;
  readonly belongsTo: string;
  readonly stopSignal: NodeJS.Signals;
  /** Time for an orderly end before SIGKILL, in milliseconds. */
  readonly graceMs: number;
}): Promise<boolean> {
  const { pid, belongsTo, stopSignal, graceMs } = options;
  const isOurs = async (): Promise<boolean> => (await commandOf(pid))?.includes(belongsTo) ?? false;
  const isGoneWithin = async (limitMs: number): Promise<boolean> => {
    for (let waitedMs = 0; waitedMs < limitMs; waitedMs += pollMs) {
      if (!(await isOurs())) return true;
      await delay(pollMs);
    }
    return false;
  };
  if (!(await isOurs())) return false;
  sendSignal(pid, stopSignal);
  if (await isGoneWithin(graceMs)) return true;
  sendSignal(pid, "SIGKILL");
  // The kernel may take a moment to take down a large process.
  if (await isGoneWithin(killLimitMs)) return true;
  throw new Error(`process ${pid} of an earlier lab cannot be ended; end it by hand`);
}
