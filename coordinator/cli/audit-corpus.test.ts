import { describe, expect, test } from "vitest";
import { formatScores, judgeCorpus, scoresOf } from "../../test/support/audit-corpus.ts";
import { auditClasses } from "../audit/classify.ts";
import { loadAuditRules } from "../audit/load-rules.ts";

/** Least precision and recall of each class. */
const least = 0.95;

const parts = ["development", "held-out", "variations", "second", "outsiders", "adversarial"].map(
  (part) => ({
    part,
    judged: judgeCorpus(part, loadAuditRules()),
  }),
);

describe("the audit of the labelled corpus", () => {
  test.each(parts)("of its part $part tells each class", ({ part, judged }) => {
    const table = formatScores(part, judged);
    process.stdout.write(`\n${table}`);
    for (const score of scoresOf(judged)) {
      expect(score.snippets, table).toBeGreaterThanOrEqual(15);
      expect(score.precision, table).toBeGreaterThanOrEqual(least);
      expect(score.recall, table).toBeGreaterThanOrEqual(least);
    }
  });

  test("covers each class for each of the five harnesses", () => {
    const found = new Set(
      parts.flatMap(({ judged }) => judged.map((one) => `${one.harness} ${one.expected}`)),
    );
    const all = ["aider", "claude", "opencode", "pi", "qwen"].flatMap((harness) =>
      auditClasses.map((one) => `${harness} ${one}`),
    );
    expect([...found].sort()).toEqual(all.sort());
  });

  test("gives evidence for each class but none", () => {
    const bare = parts
      .flatMap(({ judged }) => judged)
      .filter(({ report }) => report.class !== "none")
      .filter(({ report }) =>
        report.findings.every(({ class: of, quote }) => of !== report.class || quote === ""),
      );
    expect(bare.map(({ file }) => file)).toEqual([]);
  });
});
