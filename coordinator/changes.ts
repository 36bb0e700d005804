/**
 * Tells whoever watches that runs, sweeps or nodes may have changed. Says nothing of what changed:
 * watchers read the database, which also shows what another process wrote.
 */
export class Changes {
  readonly #watchers = new Set<() => void>();

  notify(): void {
    // A watcher leaves the set as it wakes, which iteration over a set allows.
    for (const wake of this.#watchers) wake();
  }

  /** Settles at the next change, after `afterMs` milliseconds without one, or when `signal` aborts. */
  next(afterMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(end);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, afterMs);
      this.#watchers.add(end);
      signal.addEventListener("abort", end, { once: true });
      if (signal.aborted) end();
    });
  }
}
