import type { Logger } from "../proto/log.ts";

/** A repeated piece of work that can be asked to come sooner. */
export interface Loop {
  /** Runs the work again at once, or once more after the present round. */
  readonly nudge: () => void;
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

  function pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      // Not AbortSignal.any: each use of it would leave something behind for as long as `signal` lives.
      signal.addEventListener("abort", end, { once: true });
      wake = end;
      if (signal.aborted) end();
    });
  }

  return { nudge, stopped: run() };
}
