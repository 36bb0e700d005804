import { describe, expect, it } from "vitest";
import { admit, isOverspent, nothingSpent, requestIdentity, type Spent, settle } from "./budget.ts";

const limits = { outputTokens: 100, turns: 2 };
const none = { outputTokens: 0, turns: 0 };

function admitted(spent: Spent, identity: string, within = limits): Spent {
  const admission = admit(spent, within, identity);
  expect(admission.kind).toBe("admitted");
  return admission.kind === "admitted" ? admission.spent : spent;
}
const answered = (spent: Spent, identity: string, outputTokens = 1) =>
  settle(spent, { identity, complete: true, outputTokens });
const failed = (spent: Spent, identity: string, outputTokens = 0) =>
  settle(spent, { identity, complete: false, outputTokens });

describe("the turn limit", () => {
  it("admits exactly as many calls as it says", () => {
    const two = answered(admitted(answered(admitted(nothingSpent, "a"), "a"), "b"), "b");
    expect(admit(two, limits, "c")).toEqual({ kind: "refused", limit: "turns" });
  });

  it("does not count a call repeated after it failed, however often", () => {
    let spent = answered(admitted(nothingSpent, "a"), "a");
    for (let attempt = 0; attempt < 5; attempt += 1) spent = failed(admitted(spent, "b"), "b");
    expect(spent.turns).toBe(2);
    expect(admit(spent, limits, "c").kind).toBe("refused");
  });

  it("counts a call repeated after it was answered", () => {
    const spent = admitted(answered(admitted(nothingSpent, "a"), "a"), "a");
    expect(spent.turns).toBe(2);
  });

  it("is off at 0", () => {
    let spent = nothingSpent;
    for (let turn = 0; turn < 100; turn += 1) spent = admitted(spent, `${turn}`, none);
    expect(spent.turns).toBe(100);
    expect(spent.unanswered.length).toBeLessThanOrEqual(64);
  });
});

describe("the token limit", () => {
  it("refuses the next call once it is met, and is overspent only beyond it", () => {
    const met = answered(admitted(nothingSpent, "a"), "a", 100);
    expect(isOverspent(met, limits)).toBe(false);
    expect(admit(met, limits, "b")).toEqual({ kind: "refused", limit: "output_tokens" });
    expect(isOverspent(answered(met, "a", 1), limits)).toBe(true);
  });

  it("counts tokens of answers that were cut", () => {
    const cut = failed(admitted(nothingSpent, "a"), "a", 100);
    expect(admit(cut, limits, "a")).toEqual({ kind: "refused", limit: "output_tokens" });
  });

  it("is off at 0", () => {
    const spent = answered(admitted(nothingSpent, "a", none), "a", 1e9);
    expect(isOverspent(spent, none)).toBe(false);
    expect(admit(spent, none, "b").kind).toBe("admitted");
  });
});

describe("the identity of a request", () => {
  it("is the same for a stream and its repetition as a whole answer", () => {
    const whole = { messages: [1] };
    expect(requestIdentity({ ...whole, stream: true, stream_options: {} })).toBe(
      requestIdentity(whole),
    );
    expect(requestIdentity({ messages: [2] })).not.toBe(requestIdentity(whole));
  });
});
