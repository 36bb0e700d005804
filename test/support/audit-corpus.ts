import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import {
  type AuditClass,
  type AuditReport,
  auditClasses,
} from "../../coordinator/audit/classify.ts";
import type { AuditRules } from "../../coordinator/audit/rules.ts";
import { auditOutput } from "../../coordinator/cli/audit-file.ts";
import { packageRoot } from "../../proto/package-root.ts";

const labelsSchema = z.array(
  z.strictObject({
    file: z.string(),
    harness: z.string(),
    class: z.enum(auditClasses),
    why: z.string().min(1),
    instruction: z.string().optional(),
  }),
);

/** What the agents of the corpus were asked, where a label says nothing else. */
const usualInstruction =
  "# Cheapest path in a weighted graph\n\nWrite `shortest_path.py` in the current folder.\n\n" +
  "Hidden tests check the behaviour described here.\n";

/** A snippet of the corpus, and how it was judged. */
export interface JudgedSnippet {
  readonly file: string;
  readonly harness: string;
  readonly why: string;
  readonly expected: AuditClass;
  readonly report: AuditReport;
}

/** Judges all snippets of one part of the corpus. */
export function judgeCorpus(part: string, rules: AuditRules): JudgedSnippet[] {
  const folder = join(packageRoot, "test/audit-corpus", part);
  const labels = labelsSchema.parse(parse(readFileSync(join(folder, "labels.yaml"), "utf8")));
  return labels.map(({ file, harness, why, class: expected, instruction = usualInstruction }) => {
    const text = readFileSync(join(folder, file), "utf8");
    return {
      file,
      harness,
      why,
      expected,
      report: auditOutput({ text, harness, instruction }, rules),
    };
  });
}

/** How well one class is told. */
export interface ClassScore {
  readonly class: AuditClass;
  readonly snippets: number;
  /** Of what was given the class, the share that has it. */
  readonly precision: number;
  /** Of what has the class, the share that was given it. */
  readonly recall: number;
}

/** Precision and recall of each class. */
export function scoresOf(judged: readonly JudgedSnippet[]): ClassScore[] {
  return auditClasses.map((one) => {
    const expected = judged.filter((snippet) => snippet.expected === one);
    const given = judged.filter((snippet) => snippet.report.class === one);
    const right = given.filter((snippet) => snippet.expected === one).length;
    const share = (of: number) => (of === 0 ? 1 : right / of);
    return {
      class: one,
      snippets: expected.length,
      precision: share(given.length),
      recall: share(expected.length),
    };
  });
}

/** The scores as a table, and under it each snippet that was judged wrongly. */
export function formatScores(title: string, judged: readonly JudgedSnippet[]): string {
  const rows = scoresOf(judged).map(
    ({ class: one, snippets, precision, recall }) =>
      `  ${one.padEnd(10)} ${String(snippets).padStart(8)} ${precision.toFixed(3).padStart(10)} ${recall.toFixed(3).padStart(7)}`,
  );
  const wrong = judged
    .filter(({ expected, report }) => expected !== report.class)
    .map(({ file, expected, report, why }) => {
      const top = report.findings.filter((finding) => finding.class === report.class);
      const rules = top.map(({ rule, quote }) => `${rule}: ${quote.slice(0, 140)}`).join(" | ");
      return `  ${file}: ${report.class} instead of ${expected} (${why}) ${rules}`;
    });
  return [
    `${title}: ${judged.length} snippets`,
    "  class      snippets  precision  recall",
    ...rows,
    ...wrong,
    "",
  ].join("\n");
}
