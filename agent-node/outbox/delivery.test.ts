import { describe, expect, test } from "vitest";
import {
  askAfterMs,
  type Delivery,
  dueForPublish,
  dueForQuestion,
  dueForRepeat,
  nextDueMs,
  type Tracked,
} from "./delivery.ts";

const pending: Delivery = { phase: "pending", times: 0 };
const publishing: Delivery = { phase: "publishing", times: 0 };
const published = (
  publishedAtMs: number,
  askedAtMs: number | null = null,
  times = 1,
): Delivery => ({
  phase: "published",
  publishedAtMs,
  askedAtMs,
  times,
});
const tracked = (id: string, delivery: Delivery): Tracked => ({
  id,
  attemptId: id.slice(0, 1),
  delivery,
});

describe("delivery", () => {
  test("of one attempt only the first unpublished entry travels", () => {
    const entries = [tracked("a0", published(0)), tracked("a1", pending), tracked("a2", pending)];
    expect(dueForPublish(entries, 8)).toEqual(["a1"]);
    expect(dueForPublish([tracked("a1", publishing), tracked("a2", pending)], 8)).toEqual([]);
  });

  test("entries of different attempts travel together, up to the limit", () => {
    const entries = ["a0", "b0", "c0"].map((id) => tracked(id, pending));
    expect(dueForPublish(entries, 2)).toEqual(["a0", "b0"]);
    expect(dueForPublish([tracked("d0", publishing), ...entries], 2)).toEqual(["a0"]);
  });

  test("an entry that stays unreported is asked about once, then published again", () => {
    const silent = [tracked("a0", published(1_000))];
    expect(dueForQuestion(silent, 1_000 + askAfterMs - 1, 10)).toEqual([]);
    expect(dueForQuestion(silent, 1_000 + askAfterMs, 10)).toEqual(["a0"]);
    const asked = [tracked("a0", published(1_000, 11_000))];
    expect(dueForQuestion(asked, 99_000, 10)).toEqual([]);
    expect(dueForRepeat(asked, 30_999)).toEqual([]);
    expect(dueForRepeat(asked, 31_000)).toEqual(["a0"]);
  });

  test("patience doubles with each publish, up to an hour", () => {
    expect(nextDueMs([tracked("a0", published(0, 0, 2))], true)).toBe(40_000);
    expect(nextDueMs([tracked("a0", published(0, 0, 40))], true)).toBe(3_600_000);
  });

  test("without a session nothing is waited for but what was asked before", () => {
    expect(nextDueMs([tracked("a0", published(0)), tracked("b0", pending)], false)).toBeNull();
    expect(nextDueMs([tracked("a0", published(0))], true)).toBe(askAfterMs);
  });
});
