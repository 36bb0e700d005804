import { setTimeout as delay } from "node:timers/promises";
import { paragraph } from "../proto/error-paragraph.ts";
import type { Logger } from "../proto/log.ts";
import type { ExitStatus } from "../proto/sandbox/sandbox.ts";
import type { TetheredProcess } from "../proto/tether.ts";

/** One start of a process: its life until it ends. */
export type StartedProcess = Pick<TetheredProcess, "pid" | "exited" | "kill" | "stop">;

/** Exit code of a role whose configuration is wrong: starting it again would not help. */
const wrongConfigurationCode = 2;

/**
 * Wait before a dead process is started again, in milliseconds: a quarter of a second, doubled with
 * each death that follows shortly on a start, to 5 seconds at most.
 *
 * @param earlyDeaths deaths in a row before the process had been up for {@link settledMs}.
 */
export function restartDelayMs(earlyDeaths: number): number {
  return Math.min(5_000, 250 * 2 ** Math.min(earlyDeaths, 10));
}

/** A process that was up for so long has settled; its death counts as the first. */
const settledMs = 10_000;

/**
 * A process of the lab over its lives: started, stopped, and while supervised started again when it
 * dies, as launchd or systemd do it. Starts never overlap.
 */
export class LabProcess {
  readonly name: string;
  /** Whether a process that dies is started again. May be switched at any time. */
  supervised = true;
  readonly #startOnce: (signal: AbortSignal) => Promise<StartedProcess>;
  readonly #log: Logger;
  #life: StartedProcess | undefined;
  #starting: Promise<void> | undefined;
  #stopping: AbortController | undefined;
  /** Deaths in a row that came soon after a start. */
  #earlyDeaths = 0;

  /**
   * @param startOnce starts the process and settles when it serves; rejects when it does not, or
   *   soon after `signal` aborts, and leaves nothing running then.
   */
  constructor(options: {
    readonly name: string;
    readonly startOnce: (signal: AbortSignal) => Promise<StartedProcess>;
    readonly log: Logger;
  }) {
    this.name = options.name;
    this.#startOnce = options.startOnce;
    this.#log = options.log.child({ process: options.name });
  }

  /** Process id of the present life; undefined between lives. */
  get pid(): number | undefined {
    return this.#life?.pid;
  }

  /** Settles when the present life ends; at once, with null, when there is none. */
  async exited(): Promise<ExitStatus | null> {
    return (await this.#life?.exited) ?? null;
  }

  /** Sends a signal to the process alone; nothing happens when it is not running. */
  kill(signal: NodeJS.Signals): void {
    this.#life?.kill(signal);
  }

  /** Starts the process and waits until it serves. Nothing happens when it runs already. */
  start(): Promise<void> {
    this.#stopping ??= new AbortController();
    this.#starting ??= this.#live(this.#stopping.signal).finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** Ends the process, in order if it lets itself be, and any attempt to start it again. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping?.abort();
    this.#stopping = undefined;
    await this.#starting?.catch(() => {});
    await this.#life?.stop();
  }

  async #live(stopping: AbortSignal): Promise<void> {
    if (this.#life !== undefined) return;
    const life = await this.#startOnce(stopping);
    this.#life = life;
    const startedAtMs = performance.now();
    void life.exited.then((status) => {
      this.#life = undefined;
      if (stopping.aborted) return;
      this.#log.warn({ pid: life.pid, ...status }, "ended unasked");
      const wasSettled = performance.now() - startedAtMs >= settledMs;
      this.#earlyDeaths = wasSettled ? 0 : this.#earlyDeaths + 1;
      void this.#revive(stopping, status.code);
    });
  }

  async #revive(stopping: AbortSignal, code: number | null): Promise<void> {
    if (code === wrongConfigurationCode) {
      this.#log.error("not started again: its configuration is wrong");
      return;
    }
    while (this.supervised && !stopping.aborted) {
      try {
        await delay(restartDelayMs(this.#earlyDeaths), undefined, { signal: stopping });
        // Supervision may have been switched off, or the process started by hand, in the meantime.
        if (this.supervised) await this.start();
        return;
      } catch (error) {
        this.#earlyDeaths += 1;
        if (!stopping.aborted)
          this.#log.error({ reason: paragraph(error) }, "could not be started");
      }
    }
  }
}
