import { randomUUID } from "node:crypto";
import { and, eq, sql } from "drizzle-orm";
import { GradeOutcome, type GradeVerdict } from "../../proto/gen/sweep/v1/event_pb.ts";
import { type LockedRun, lockRunOfAttempt, moveRun } from "../leases/locked-run.ts";
import type { Transaction } from "../store/database.ts";
import { cells, runs } from "../store/schema.ts";
import { storableText } from "../store/storable-text.ts";
import { grades } from "../store/verdict-tables.ts";
import { RejectedEventError } from "./store-trace.ts";

/** Tries at one verdict before it is given up: a grader's failure is never the model's. */
const maxGradeTries = 3;
/** Pause before the next grade after a grader's failure, times the number of failures. */
const graderPauseSeconds = 5;

/** What became of a verdict. */
export type VerdictFate = "graded" | "retried" | "gave_up" | "duplicate";

/**
 * Stores a verdict and moves its run. The verdict of a regrade moves no run that has its own, or that
 * goes on with another attempt: it is kept beside what counts.
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
    if (grade.regradeId === null) await moveRun(transaction, run, "judged", "");
    else await moveRegraded(transaction, run, grade);
    return "graded";
  }
  return gradeAgain(transaction, run, grade, storableText(verdict.reason));
}

/** Ends a run that the grader's failures had exhausted, if this verdict is the one that counts for it. */
async function moveRegraded(
  transaction: Transaction,
  run: LockedRun,
  grade: typeof grades.$inferSelect,
): Promise<void> {
  const counting = await transaction
    .select({ id: runs.id })
    .from(runs)
    .innerJoin(cells, eq(cells.id, runs.cellId))
    .where(
      and(
        eq(runs.id, run.id),
        eq(runs.acceptedAttemptId, grade.attemptId),
        eq(cells.taskId, grade.taskId),
      ),
    );
  if (counting.length > 0) await moveRun(transaction, run, "regraded", "");
}

async function gradeAgain(
  transaction: Transaction,
  run: LockedRun,
  grade: typeof grades.$inferSelect,
  reason: string,
): Promise<VerdictFate> {
  if (grade.tries >= maxGradeTries) {
    if (grade.regradeId === null) {
      const report = `the grader failed ${grade.tries} times, the last time because: ${reason}`;
      await moveRun(transaction, run, "gave_up", report);
    }
    return "gave_up";
  }
  await transaction.insert(grades).values({
    id: randomUUID(),
    attemptId: grade.attemptId,
    taskId: grade.taskId,
    number: await nextGradeNumber(transaction, grade.attemptId),
    regradeId: grade.regradeId,
    baselineId: grade.baselineId,
    tries: grade.tries + 1,
    dueAt: sql`now() + make_interval(secs => ${graderPauseSeconds * grade.tries})`,
  });
  if (grade.regradeId === null) {
    await moveRun(transaction, run, "retried", `the grader failed: ${reason}`);
  }
  return "retried";
}

/** Gradings of one attempt are numbered; its run must be locked. */
async function nextGradeNumber(transaction: Transaction, attemptId: string): Promise<number> {
  return (await transaction.$count(grades, eq(grades.attemptId, attemptId))) + 1;
}
