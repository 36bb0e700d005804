import {
  admit,
  isOverspent,
  type LimitName,
  type Limits,
  nothingSpent,
  requestIdentity,
  settle,
} from "./budget.ts";
import type { TokenCounts } from "./dialect.ts";

/** Sums over the exchanges of an attempt that reached the model server. */
export interface Usage extends TokenCounts {
  readonly modelCalls: number;
}

/** A model call that was let through; `settle` is owed to it exactly once. */
export interface OpenCall {
  /** @param complete whether the client got a whole answer with a status below 300 */
  settle(counts: TokenCounts, complete: boolean): void;
}

/** Keeps the books of one attempt. */
export interface Ledger {
  /** Lets a call through, or names the limit that forbids it. */
  open(body: Readonly<Record<string, unknown>>): OpenCall | LimitName;
  readonly usage: () => Usage;
}

/** Opens the books; `onLimit` hears of the first limit that is reached, once. */
export function openLedger(limits: Limits, onLimit: (limit: LimitName) => void): Ledger {
  let spent = nothingSpent;
  let usage: Usage = { modelCalls: 0, inputTokens: 0, cachedTokens: 0, outputTokens: 0 };
  let limited = false;
  const reach = (limit: LimitName) => {
    if (limited) return;
    limited = true;
    onLimit(limit);
  };
  return {
    usage: () => usage,
    open(body) {
      const identity = requestIdentity(body);
      const admission = admit(spent, limits, identity);
      if (admission.kind === "refused") {
        reach(admission.limit);
        return admission.limit;
      }
      spent = admission.spent;
      usage = { ...usage, modelCalls: usage.modelCalls + 1 };
      return {
        settle(counts, complete) {
          spent = settle(spent, { identity, complete, outputTokens: counts.outputTokens });
          usage = {
            modelCalls: usage.modelCalls,
            inputTokens: usage.inputTokens + counts.inputTokens,
            cachedTokens: usage.cachedTokens + counts.cachedTokens,
            outputTokens: usage.outputTokens + counts.outputTokens,
          };
          if (isOverspent(spent, limits)) reach("output_tokens");
        },
      };
    },
  };
}
