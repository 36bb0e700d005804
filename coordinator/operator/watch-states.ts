import { setTimeout as delay } from "node:timers/promises";
import type { Changes } from "../changes.ts";

/** Between two states, so that watchers get four a second at the most. */
const watchPauseMs = 250;
/** Read at least this often: an ETA moves without a change, and another process may have written. */
const readAtLeastMs = 2_000;

/**
 * What `read` answers, now and after each change, until `isLast` holds for it or nobody listens any
 * more.
 */
export async function* watchStates<State>(options: {
  readonly changes: Changes;
  readonly read: () => Promise<State>;
  readonly isLast: (state: State) => boolean;
  readonly signal: AbortSignal;
}): AsyncGenerator<State, void, undefined> {
  const { changes, read, isLast, signal } = options;
  while (!signal.aborted) {
    const changed = changes.next(readAtLeastMs, signal);
    const state = await read();
    yield state;
    if (isLast(state)) return;
    await changed;
    await delay(watchPauseMs, undefined, { signal }).catch(() => undefined);
  }
}
