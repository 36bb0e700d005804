import { create, toBinary } from "@bufbuild/protobuf";
import { and, eq, inArray, isNotNull, isNull, lte, type SQL, sql } from "drizzle-orm";
import type { JetStreamClient, NatsConnection } from "nats";
import { GradeJobSchema } from "../../proto/gen/sweep/v1/event_pb.ts";
import { gradeJobStream, gradeJobSubject, gradersConsumer } from "../../proto/subjects.ts";
import { lockRunOfAttempt, moveRun } from "../leases/locked-run.ts";
import type { Database } from "../store/database.ts";
import { attempts, tasks, workspaces } from "../store/schema.ts";
import { grades } from "../store/verdict-tables.ts";
import type { ObjectPublisher } from "./object-publisher.ts";

/** Jobs published in one round; the next round follows at once while there are more. */
const maxRound = 50;
/**
 * Regrades out at a time. A sweep may have thousands, each with a workspace in the object store; and
 * the gradings of fresh results come behind no more than these.
 */
const maxRegradesOut = 32;
/** How long a job may be out, with the queue empty, before it is taken for lost. */
const lostAfterSeconds = 120;

/**
 * Publishes the grade jobs that are due: objects first, then the job under the grade's id, then the
 * note in the ledger. A crash in between publishes the same job again, which JetStream drops by its
 * message id and ingest by the grade's state.
 */
export async function dispatchGrades(options: {
  readonly database: Database;
  readonly connection: NatsConnection;
  readonly objects: ObjectPublisher;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { database, connection, objects, signal } = options;
  const jetstream = connection.jetstream();
  for (;;) {
    const due = await dueGrades(database, isNull(grades.regradeId), maxRound);
    await publish(due);
    if (signal.aborted) return;
    if (due.length < maxRound) break;
  }
  const out = await database.queries.$count(
    grades,
    and(eq(grades.state, "published"), isNotNull(grades.regradeId)),
  );
  await publish(
    await dueGrades(database, isNotNull(grades.regradeId), Math.max(0, maxRegradesOut - out)),
  );
  await requeueLost(database, connection);

  async function publish(due: readonly DueGrade[]): Promise<void> {
    for (const grade of due) {
      if (signal.aborted) return;
      await publishJob(database, objects, jetstream, grade.id);
      await notePublished(database, grade);
    }
  }
}

interface DueGrade {
  readonly id: string;
  readonly attemptId: string;
  readonly regradeId: string | null;
}

function dueGrades(database: Database, which: SQL, limit: number): Promise<DueGrade[]> {
  return database.queries
    .select({ id: grades.id, attemptId: grades.attemptId, regradeId: grades.regradeId })
    .from(grades)
    .where(and(eq(grades.state, "queued"), lte(grades.dueAt, sql`now()`), which))
    .orderBy(grades.dueAt, grades.id)
    .limit(limit);
}

async function publishJob(
  database: Database,
  objects: ObjectPublisher,
  jetstream: JetStreamClient,
  gradeId: string,
): Promise<void> {
  const [job] = await database.queries
    .select({
      attempt: attempts,
      task: tasks,
      archive: workspaces.archive,
      publishedAt: grades.publishedAt,
    })
    .from(grades)
    .innerJoin(attempts, eq(attempts.id, grades.attemptId))
    .innerJoin(tasks, eq(tasks.id, grades.taskId))
    .innerJoin(workspaces, eq(workspaces.digest, attempts.workspaceDigest))
    .where(eq(grades.id, gradeId));
  if (job === undefined || job.attempt.workspaceDigest === null) {
    throw new Error(`grade ${gradeId} was queued without a workspace`);
  }
  await objects.publicTask(job.task.publicBundleDigest, job.task.publicBundle);
  await objects.hiddenTask(job.task.hiddenBundleDigest, job.task.hiddenBundle);
  await objects.workspace(job.attempt.workspaceDigest, job.archive);
  const message = create(GradeJobSchema, {
    gradeId,
    runId: String(job.attempt.runId),
    attemptId: job.attempt.id,
    task: job.task.name,
    taskPublicDigest: job.task.publicBundleDigest,
    taskHiddenDigest: job.task.hiddenBundleDigest,
    workspaceDigest: job.attempt.workspaceDigest,
  });
  await jetstream.publish(gradeJobSubject, toBinary(GradeJobSchema, message), {
    // A job that was taken for lost needs another id, or the server would drop it as a repetition.
    msgID: job.publishedAt === null ? gradeId : `${gradeId}/${job.publishedAt.getTime()}`,
  });
}

async function notePublished(database: Database, grade: DueGrade): Promise<void> {
  await database.transact(async (transaction) => {
    const run = await lockRunOfAttempt(transaction, grade.attemptId);
    const noted = await transaction
      .update(grades)
      .set({ state: "published", publishedAt: sql`now()` })
      .where(and(eq(grades.id, grade.id), eq(grades.state, "queued")))
      .returning({ id: grades.id });
    // The verdict may have been faster than this note; a regrade moves no run.
    if (run !== undefined && noted.length > 0 && grade.regradeId === null) {
      await moveRun(transaction, run, "grading_began");
    }
  });
}

/**
 * Queues jobs again that a NATS server lost in a power cut: out for long, while the work queue holds
 * nothing and no grader is at work.
 */
async function requeueLost(database: Database, connection: NatsConnection): Promise<void> {
  const overdue = await database.queries
    .select({ id: grades.id })
    .from(grades)
    .where(
      and(
        eq(grades.state, "published"),
        sql`${grades.publishedAt} < now() - make_interval(secs => ${lostAfterSeconds})`,
      ),
    );
  if (overdue.length === 0) return;
  const manager = await connection.jetstreamManager();
  const queue = await manager.consumers.info(gradeJobStream, gradersConsumer);
  if (queue.num_pending > 0 || queue.num_ack_pending > 0) return;
  await database.queries
    .update(grades)
    .set({ state: "queued" })
    .where(
      and(
        inArray(
          grades.id,
          overdue.map(({ id }) => id),
        ),
        eq(grades.state, "published"),
      ),
    );
}
