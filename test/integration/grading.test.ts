import { randomUUID } from "node:crypto";
import { and, eq, inArray } from "drizzle-orm";
import type { NatsConnection } from "nats";
import { afterAll, beforeAll, expect, it } from "vitest";
import { discardGraded } from "../../coordinator/grading/discard-graded.ts";
import { dispatchGrades } from "../../coordinator/grading/dispatch.ts";
import { objectPublisher } from "../../coordinator/grading/object-publisher.ts";
import { acceptResult } from "../../coordinator/ingest/accept-result.ts";
import { applyVerdict } from "../../coordinator/ingest/apply-verdict.ts";
import { grantLeases } from "../../coordinator/leases/ledger.ts";
import { storeSweep } from "../../coordinator/operator/submit.ts";
import { queueRegrades } from "../../coordinator/regrading/queue.ts";
import { runs } from "../../coordinator/store/schema.ts";
import { grades, regrades } from "../../coordinator/store/verdict-tables.ts";
import { GradeOutcome } from "../../proto/gen/sweep/v1/event_pb.ts";
import { coordinatorUser } from "../../proto/nats/permissions.ts";
import { gradeJobStream, gradingBucket } from "../../proto/subjects.ts";
import { startTestNats, type TestNats } from "../support/nats.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";
import { aNode, aResult, aSubmission, aVerdict, aWorkspace } from "../support/submission.ts";

let nats: TestNats;
let testDatabase: TestDatabase;
let connection: NatsConnection;

beforeAll(async () => {
  nats = await startTestNats({ nodes: [], graders: [] });
  testDatabase = await createTestDatabase();
  connection = await nats.connect(coordinatorUser);
});
afterAll(async () => {
  await nats?.stop();
  await testDatabase?.drop();
});

it("keeps a workspace in the object store until the last grade that needs it has its verdict", async () => {
  const { database } = testDatabase;
  const objects = objectPublisher(connection);
  const signal = new AbortController().signal;
  const nodeId = await aNode(database, "a");
  const { sweepId } = await storeSweep(database, aSubmission({ seeds: 2 }), false);
  const both = await database.queries.select().from(runs).where(eq(runs.sweepId, sweepId));
  const attempts = await database.transact((tx) =>
    grantLeases(
      tx,
      both.map(({ id }) => ({ runId: id, nodeId })),
      60_000,
    ),
  );
  // Two runs that left the same files.
  for (const attempt of attempts) {
    await database.transact((tx) => acceptResult(tx, "a", aResult(attempt), aWorkspace));
  }
  await dispatchGrades({ database, connection, objects, signal });
  const manager = await connection.jetstreamManager();
  expect((await manager.streams.info(gradeJobStream)).state.messages).toBe(2);
  const bucket = await connection.jetstream().views.os(gradingBucket);
  const isStored = async () => {
    const info = await bucket.info(aResult(attempts[0]!).workspace!.digest);
    return info !== null && !info.deleted;
  };
  expect(await isStored()).toBe(true);

  const open = await database.queries
    .select()
    .from(grades)
    .where(
      inArray(
        grades.attemptId,
        attempts.map(({ attemptId }) => attemptId),
      ),
    );
  const judge = async (gradeId: string, outcome: GradeOutcome) => {
    await database.transact((tx) => applyVerdict(tx, "g", aVerdict(gradeId, outcome)));
    await discardGraded(database, objects, [gradeId]);
  };
  await judge(open[0]!.id, GradeOutcome.PASSED);
  expect(await isStored()).toBe(true);
  await judge(open[1]!.id, GradeOutcome.GRADER_ERROR);
  expect(await isStored()).toBe(true);
  const again = await database.queries.select().from(grades).where(eq(grades.number, 2));
  await judge(again[0]!.id, GradeOutcome.FAILED);
  expect(await isStored()).toBe(false);
});

it("publishes fresh results before regrades, and no more of these than a grader soon gets through", async () => {
  const { database } = testDatabase;
  const objects = objectPublisher(connection);
  const signal = new AbortController().signal;
  const dispatch = () => dispatchGrades({ database, connection, objects, signal });
  const nodeId = await aNode(database, "b");
  const seeds = 41;
  const { sweepId } = await storeSweep(database, aSubmission({ name: "many", seeds }), false);
  const all = await database.queries
    .select()
    .from(runs)
    .where(eq(runs.sweepId, sweepId))
    .orderBy(runs.id);
  const fresh = all.pop()!;
  const attemptAt = async (runId: number) => {
    const [attempt] = await database.transact((tx) => grantLeases(tx, [{ runId, nodeId }], 60_000));
    await database.transact((tx) => acceptResult(tx, "b", aResult(attempt!), aWorkspace));
    return attempt!.attemptId;
  };
  const gradesOf = (attemptIds: readonly string[]) =>
    database.queries
      .select()
      .from(grades)
      .where(inArray(grades.attemptId, [...attemptIds]));
  const attempts: string[] = [];
  for (const { id } of all) attempts.push(await attemptAt(id));
  const passed = (id: string) =>
    database.transact((tx) => applyVerdict(tx, "g", aVerdict(id, GradeOutcome.PASSED)));
  for (const { id } of await gradesOf(attempts)) await passed(id);
  const regradeId = randomUUID();
  await database.transact(async (tx) => {
    const [first] = await tx.select().from(grades).where(eq(grades.attemptId, attempts[0]!));
    await tx.insert(regrades).values({
      id: regradeId,
      requestId: randomUUID(),
      sweepId,
      taskId: first!.taskId,
      adopt: false,
    });
    expect(await queueRegrades(tx, regradeId)).toBe(40);
    expect(await queueRegrades(tx, regradeId)).toBe(0);
  });
  const freshAttempt = await attemptAt(fresh.id);
  const published = async () => {
    const rows = await database.queries
      .select({ id: grades.id })
      .from(grades)
      .where(and(eq(grades.regradeId, regradeId), eq(grades.state, "published")));
    return rows.map(({ id }) => id);
  };

  await dispatch();
  expect(await gradesOf([freshAttempt])).toMatchObject([{ state: "published" }]);
  expect(await published()).toHaveLength(32);
  // A coordinator that was killed and started again publishes none of them twice.
  await dispatch();
  expect(await published()).toHaveLength(32);
  const [first] = await published();
  await passed(first!);
  await dispatch();
  const now = await published();
  expect(now).toHaveLength(32);
  expect(now).not.toContain(first);
  const states = await database.queries
    .select({ state: runs.state })
    .from(runs)
    .where(
      inArray(
        runs.id,
        all.map(({ id }) => id),
      ),
    );
  expect(new Set(states.map(({ state }) => state))).toEqual(new Set(["graded"]));
});
