import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";

/** A repeated piece of work that can be asked to come sooner. */
export interface Loop {
  /** Runs the work again at once, or once more after the present round. */
  nudge(): void;
  /** Settles when the loop has stopped after its signal. */
  readonly stopped: Promise<void>;
}

/**
 * Runs `work` now, then every `everyMs` milliseconds or when nudged, one round at a time. A round
 * that fails is logged and followed by the next tick: what a round does must be safe to repeat.
 */
export function startLoop(options: {
  readonly name: string;
  readonly everyMs: number;
  readonly work: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly log: Logger;
}): Loop {
  const { name, everyMs, work, signal, log } = options;
  let nudged = false;
  let wake: () => void = () => undefined;
  const nudge = (): void => {
    nudged = true;
    wake();
  };

  async function run(): Promise<void> {
    while (!signal.aborted) {
      nudged = false;
      try {
        await work();
      } catch (error) {
        if (!signal.aborted)
          log.error({ err: error, loop: name }, "a round failed, the next follows");
        // A nudge must not turn a lasting failure into a busy loop.
        await pause(everyMs);
      }
      if (!nudged) await pause(everyMs);
    }
  }

  async function pause(milliseconds: number): Promise<void> {
    const over = new AbortController();
    wake = () => over.abort();
    const abort = AbortSignal.any([signal, over.signal]);
    await delay(milliseconds, undefined, { signal: abort }).catch(() => undefined);
    wake = () => undefined;
  }

  return { nudge, stopped: run() };
}
