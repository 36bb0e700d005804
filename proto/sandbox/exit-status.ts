import { constants } from "node:os";
import type { ExitStatus } from "./sandbox.ts";

const isSignal = (name: string): name is NodeJS.Signals => name in constants.signals;

const signalNames = new Map(
  Object.keys(constants.signals)
    .filter(isSignal)
    // Of two names of one number, such as SIGABRT and SIGIOT, the first is the usual one.
    .toReversed()
    .map((name) => [constants.signals[name], name]),
);

/**
 * Turns the exit code 128 + n, with which shells and bubblewrap report that a command ended by signal
 * n, back into that signal. Other ends stay as they are.
 */
export function asExitStatus(ended: ExitStatus): ExitStatus {
  const signal = ended.code === null ? undefined : signalNames.get(ended.code - 128);
  return signal === undefined ? ended : { code: null, signal };
}

/** How a process ended, in words for a log or a reason. */
export function describeExit({ code, signal }: ExitStatus): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}
