import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import {
  type Family,
  growFamily,
  livingMembers,
  type ProcessRow,
  parseProcessTable,
  processTableColumns,
} from "./process-family.ts";
import { SandboxError } from "./sandbox-error.ts";
import { sendSignal } from "./spawn-sandbox.ts";

const run = promisify(execFile);

/** Between two looks at the process table, in milliseconds. */
const lookEveryMs = 500;
/** Time in which killed processes have to be gone. */
const patienceMs = 30_000;
/** Far more than the process table of a busy machine takes. */
const tableBytes = 16 * 1024 ** 2;

/**
 * Keeps account of a process and all that it starts, where the system has no PID namespaces. A
 * process that leaves its session and loses its parent between two looks escapes.
 */
export class ProcessTracker {
  readonly #leader: number;
  readonly #closing = new AbortController();
  #family: Family = new Map();

  /** @param leader id of a process that leads a group of its own */
  constructor(leader: number) {
    this.#leader = leader;
    void this.#watch();
  }

  /**
   * Ends all of them, the leader included, and settles when none is left.
   *
   * @throws SandboxError when they do not end.
   */
  async endAll(): Promise<void> {
    this.#closing.abort();
    const deadlineMs = performance.now() + patienceMs;
    for (;;) {
      const living = livingMembers(this.#family, await this.#look());
      if (living.length === 0) return;
      if (performance.now() > deadlineMs) {
        throw new SandboxError(`processes ${living.join(", ")} do not end when killed`);
      }
      for (const pid of living) sendSignal(pid, "SIGKILL");
      await delay(10);
    }
  }

  async #watch(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      // A look that fails is made up for by the next; the one that counts is in endAll.
      await this.#look().catch(() => {});
      await delay(lookEveryMs, undefined, { ref: false, signal }).catch(() => {});
    }
  }

  async #look(): Promise<readonly ProcessRow[]> {
    let table: readonly ProcessRow[];
    try {
      const { stdout } = await run("ps", ["-axo", processTableColumns], {
        env: { PATH: "/bin:/usr/bin", LC_ALL: "C" },
        maxBuffer: tableBytes,
      });
      table = parseProcessTable(stdout);
    } catch (cause) {
      throw new SandboxError("cannot look at the process table with ps", { cause });
    }
    // The leader's group has its id for as long as anybody is in it, whether or not the leader is.
    const leader = table.find(({ group }) => group === this.#leader);
    if (leader !== undefined && !this.#family.has(this.#leader)) {
      const self = table.find(({ pid }) => pid === this.#leader);
      this.#family = new Map(this.#family).set(this.#leader, self?.started ?? "");
    }
    this.#family = growFamily(this.#family, table);
    return table;
  }
}
