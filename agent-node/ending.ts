import { paragraph } from "../proto/error-paragraph.ts";
import type { AttemptEnd } from "./attempt-outcome.ts";

/**
 * What ends an attempt. Many things may, at nearly the same time; the first one counts and the
 * others are its consequences.
 */
export class Ending {
  private readonly controller = new AbortController();
  private first: AttemptEnd | null = null;
  private resolve: (end: AttemptEnd) => void = () => undefined;
  /** Resolves with the first end. */
  readonly reached: Promise<AttemptEnd>;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  /** Aborted with the first end, so that whatever the attempt waits for gives up. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Reports an end. */
  report(end: AttemptEnd): void {
    if (this.first !== null) return;
    this.first = end;
    this.resolve(end);
    this.controller.abort(new Error("the attempt has ended"));
  }
}

/** An end for which node, model server or store are to blame: what failed, and the error with its causes. */
export function infrastructure(
  what: string,
  error: unknown,
): Extract<AttemptEnd, { kind: "infrastructure" }> {
  return { kind: "infrastructure", reason: `${what}: ${paragraph(error)}` };
}
