import { randomUUID } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { GradeOutcome, type GradeVerdict } from "../../proto/gen/sweep/v1/event_pb.ts";
import { type LockedRun, lockRunOfAttempt, moveRun } from "../leases/locked-run.ts";
import type { Transaction } from "../store/database.ts";
import { grades } from "../store/schema.ts";
import { storableText } from "../store/storable-text.ts";
import { RejectedEventError } from "./store-trace.ts";

/** Grades of one attempt before its run is given up: a grader's failure is never the model's. */
const maxGradeTries = 3;
/** Pause before the next grade after a grader's failure, times the number of failures. */
const graderPauseSeconds = 5;

/** What became of a verdict. */
export type VerdictFate = "graded" | "retried" | "gave_up" | "duplicate";

/**
 * Stores a verdict and moves its run.
 * @throws RejectedEventError if the grade is unknown.
 */
export async function applyVerdict(
  transaction: Transaction,
  sender: string,
  verdict: GradeVerdict,
): Promise<VerdictFate> {
  const [known] = await transaction.select().from(grades).where(eq(grades.id, verdict.gradeId));
  if (known === undefined) throw new RejectedEventError(`grade ${verdict.gradeId} is unknown`);
  const run = await lockRunOfAttempt(transaction, known.attemptId);
  const [grade] = await transaction
    .select()
    .from(grades)
    .where(eq(grades.id, verdict.gradeId))
    .for("update");
  if (run === undefined || grade === undefined) {
    throw new Error(`grade ${verdict.gradeId} lost its run`);
  }
  if (grade.state !== "queued" && grade.state !== "published") return "duplicate";
  const judged = verdict.outcome === GradeOutcome.PASSED || verdict.outcome === GradeOutcome.FAILED;
  await transaction
    .update(grades)
    .set({
      state: !judged
        ? "grader_error"
        : verdict.outcome === GradeOutcome.PASSED
          ? "passed"
          : "failed",
      gradedAt: sql`now()`,
      reason: storableText(verdict.reason),
      reward: judged ? verdict.reward : null,
      checks: verdict.checks.map((check) => ({
        name: storableText(check.name),
        passed: check.passed,
        message: storableText(check.message),
      })),
      output: storableText(verdict.output),
      seconds: verdict.seconds,
      graderName: sender,
      graderVersion: storableText(verdict.graderVersion),
      sandbox: storableText(verdict.sandbox),
      toolchains: verdict.toolchains.map(({ name, version }) => ({ name, version })),
    })
    .where(eq(grades.id, grade.id));
  if (judged) {
    await moveRun(transaction, run, "judged", "");
    return "graded";
  }
  return gradeAgain(transaction, run, grade, storableText(verdict.reason));
}

async function gradeAgain(
  transaction: Transaction,
  run: LockedRun,
  grade: typeof grades.$inferSelect,
  reason: string,
): Promise<VerdictFate> {
  if (grade.number >= maxGradeTries) {
    await moveRun(
      transaction,
      run,
      "gave_up",
      `the grader failed ${grade.number} times, the last time because: ${reason}`,
    );
    return "gave_up";
  }
  await transaction.insert(grades).values({
    id: randomUUID(),
    attemptId: grade.attemptId,
    taskId: grade.taskId,
    number: grade.number + 1,
    dueAt: sql`now() + make_interval(secs => ${graderPauseSeconds * grade.number})`,
  });
  await moveRun(transaction, run, "retried", `the grader failed: ${reason}`);
  return "retried";
}
