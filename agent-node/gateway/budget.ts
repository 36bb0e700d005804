import { createHash } from "node:crypto";

/** Limits of a run that a gateway holds; 0 is no limit. */
export interface Limits {
  /** Sum of the output tokens of all exchanges. */
  readonly outputTokens: number;
  /** Model calls. */
  readonly turns: number;
}

/** A limit by its name in the trace. */
export type LimitName = "output_tokens" | "turns";

/** What a run has used. */
export interface Spent {
  readonly turns: number;
  readonly outputTokens: number;
  /** Identities of counted requests that have no complete answer yet, oldest first. */
  readonly unanswered: readonly string[];
}

/** What a run has used before its first request. */
export const nothingSpent: Spent = { turns: 0, outputTokens: 0, unanswered: [] };

/** Requests without an answer that are remembered. Harnesses repeat a failed request at once, so more are of no use. */
const maxUnanswered = 64;

/** The answer to a request for one more model call. */
export type Admission =
  | { readonly kind: "admitted"; readonly spent: Spent }
  | { readonly kind: "refused"; readonly limit: LimitName };

/**
 * What makes two requests one: the body without `stream` and `stream_options`, since Claude Code
 * repeats a broken stream as a request for a whole answer.
 */
export function requestIdentity(body: Readonly<Record<string, unknown>>): string {
  const { stream: _stream, stream_options: _options, ...rest } = body;
  return createHash("sha256").update(JSON.stringify(rest)).digest("base64");
}

/**
 * Decides whether a run may call the model once more. A request is a turn unless it repeats one
 * that was counted and has had no complete answer: that is a harness retrying. A repetition of a
 * request that was answered is a turn of its own, or a harness could ask the same for ever.
 */
export function admit(spent: Spent, limits: Limits, identity: string): Admission {
  if (limits.outputTokens > 0 && spent.outputTokens >= limits.outputTokens)
    return { kind: "refused", limit: "output_tokens" };
  if (spent.unanswered.includes(identity)) return { kind: "admitted", spent };
  if (limits.turns > 0 && spent.turns >= limits.turns) return { kind: "refused", limit: "turns" };
  const unanswered = [...spent.unanswered, identity].slice(-maxUnanswered);
  return { kind: "admitted", spent: { ...spent, turns: spent.turns + 1, unanswered } };
}

/** Enters the end of an exchange. Tokens count whether or not the answer was complete. */
export function settle(
  spent: Spent,
  ended: { readonly identity: string; readonly complete: boolean; readonly outputTokens: number },
): Spent {
  return {
    ...spent,
    outputTokens: spent.outputTokens + ended.outputTokens,
    unanswered: ended.complete
      ? spent.unanswered.filter((identity) => identity !== ended.identity)
      : spent.unanswered,
  };
}

/** Whether an answer has gone past the token limit; an answer that meets it exactly is still in order. */
export function isOverspent(spent: Spent, limits: Limits): boolean {
  return limits.outputTokens > 0 && spent.outputTokens > limits.outputTokens;
}
