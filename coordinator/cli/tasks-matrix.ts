import type { VariantCheck } from "../../grader/check-tasks.ts";
import type { ChecklistPoint } from "../../grader/task-checklist.ts";
import { formatTable } from "./print.ts";
import { safeLine } from "./safe-text.ts";

/** The rows of one task, a line a variant. */
export function formatMatrix(rows: readonly VariantCheck[]): string {
  return formatTable(
    [rows[0]?.task ?? "", "expected", "gradings", "checks passed", "seconds", "caught by", "holds"],
    rows.map(({ variant, grades, faults }) => {
      const checks = grades[0]?.checks ?? [];
      const passed = checks.filter((check) => check.passed).length;
      return [
        variant.kind === variant.name ? variant.name : `${variant.kind} ${variant.name}`,
        variant.expected,
        [...new Set(grades.map(({ outcome }) => outcome))]
          .map((outcome) => `${grades.filter((one) => one.outcome === outcome).length} ${outcome}`)
          .join(", "),
        `${passed} of ${checks.length}`,
        Math.max(...grades.map(({ seconds }) => seconds)).toFixed(1),
        variant.caughtBy.join(", "),
        faults.length === 0 ? "yes" : `NO: ${faults.join("; ")}`,
      ];
    }),
  );
}

/** A checklist, a line a point; open ones say why. */
export function formatChecklist(points: readonly ChecklistPoint[]): string {
  return points
    .map(({ what, open }) =>
      open === "" ? `  [x] ${what}\n` : `  [ ] ${what}: ${safeLine(open)}\n`,
    )
    .join("");
}
