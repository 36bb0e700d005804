import type { AttemptDetail, GradeDetail, RunRow } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { safeText } from "./safe-text.ts";

/** Text that an agent wrote: with `content` its harmless part, else only how long it is. */
export function agentText(text: string, content: boolean): string {
  if (text === "" || content) return safeText(text);
  return `(${text.length} characters; --content shows them)`;
}

/** A run whose reason, where the harness wrote it, is shown only with `content`. */
export function withRunText(run: RunRow, content: boolean): RunRow {
  return { ...run, reason: reasonText(run, content) };
}

/** An attempt with its grades, text of the agent and of the code under test only with `content`. */
export function withAttemptText(attempt: AttemptDetail, content: boolean): AttemptDetail {
  return {
    ...attempt,
    reason: reasonText(attempt, content),
    grades: attempt.grades.map((grade) => withGradeText(grade, content)),
  };
}

function withGradeText(grade: GradeDetail, content: boolean): GradeDetail {
  return {
    ...grade,
    reason: agentText(grade.reason, content),
    output: agentText(grade.output, content),
    checks: grade.checks.map((check) => ({ ...check, message: agentText(check.message, content) })),
  };
}

/** Reasons of these outcomes quote the harness or the tests; all others are the node's own words. */
const quotingOutcomes = new Set(["agent_error", "failed"]);

function reasonText({ outcome, reason }: { outcome: string; reason: string }, content: boolean) {
  return quotingOutcomes.has(outcome) ? agentText(reason, content) : safeText(reason);
}
