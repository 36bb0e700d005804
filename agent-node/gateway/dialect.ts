import type { Sampling } from "../sampling.ts";

/** Tokens of one exchange, by the server's own figures where it gave them. */
export interface TokenCounts {
  /** The whole prompt, cached tokens included. */
  readonly inputTokens: number;
  /** Of `inputTokens`, those that the server took from its cache. */
  readonly cachedTokens: number;
  readonly outputTokens: number;
}

/** Adds up what the messages of one answer say of its tokens. */
export interface TokenCounter {
  /** Takes a parsed event of a stream, or a whole answer. Anything of another form is passed over. */
  readonly add: (message: unknown) => void;
  /**
   * What is known so far. A stream that was cut, or whose client asked for no usage, may never
   * have said how many tokens it wrote; then its pieces are counted, of which each holds a token or more.
   */
  counts(): TokenCounts;
}

/** What the gateway puts into each request of a run. */
export interface Injection {
  /** Null where the server would ignore it. */
  readonly seed: number | null;
  readonly sampling: Sampling;
}

/** How a family of routes words requests, figures and errors. */
export interface Dialect {
  /** The body with seed and sampling of the run in place of what the harness had chosen. */
  inject(body: Readonly<Record<string, unknown>>, injection: Injection): Record<string, unknown>;
  counter(): TokenCounter;
  /** An error that the gateway itself answers with. */
  errorBody(status: number, message: string): object;
}
