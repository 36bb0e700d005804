import { EventEmitter, once } from "node:events";
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { acceptResult } from "../../coordinator/ingest/accept-result.ts";
import { applyVerdict } from "../../coordinator/ingest/apply-verdict.ts";
import { RejectedEventError, storeTrace } from "../../coordinator/ingest/store-trace.ts";
import {
  type Grant,
  grantLeases,
  markStarted,
  refuseAssignment,
  releaseLease,
  renewLeases,
} from "../../coordinator/leases/ledger.ts";
import { cancelRuns, expireLeases, reconcileLeases } from "../../coordinator/leases/reclaim.ts";
import { storeSweep } from "../../coordinator/operator/submit.ts";
import { listRuns } from "../../coordinator/queries/runs.ts";
import { readSweepStatus } from "../../coordinator/queries/sweep-status.ts";
import { readSnapshot } from "../../coordinator/scheduler/read-snapshot.ts";
import { completeSweeps } from "../../coordinator/scheduler/round.ts";
import type { Database } from "../../coordinator/store/database.ts";
import { selectRows } from "../../coordinator/store/rows.ts";
import { attempts, grades, leases, runs, sweeps } from "../../coordinator/store/schema.ts";
import { traceChunks } from "../../coordinator/store/trace-tables.ts";
import { GradeOutcome } from "../../proto/gen/sweep/v1/event_pb.ts";
import { AttemptOutcome } from "../../proto/gen/sweep/v1/run_pb.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";
import {
  aChunk,
  aNode,
  aResult,
  aSubmission,
  aVerdict,
  aWorkspace,
} from "../support/submission.ts";

const minute = 60_000;
/** A lease of this length has run out when it is granted. */
const expired = -1;

let testDatabase: TestDatabase;
let database: Database;
let sweepNumber = 0;
let sweepId: string;
let sweepName: string;
let name1: string;
let name2: string;
let node1: string;
let node2: string;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  database = testDatabase.database;
});
afterAll(() => testDatabase.drop());
beforeEach(async () => {
  sweepName = `s${(sweepNumber += 1)}`;
  name1 = `${sweepName}-node-1`;
  name2 = `${sweepName}-node-2`;
  node1 = await aNode(database, name1);
  node2 = await aNode(database, name2);
  ({ sweepId } = await storeSweep(database, aSubmission({ name: sweepName, seeds: 2 }), false));
});

const sweepRuns = () =>
  database.queries.select().from(runs).where(eq(runs.sweepId, sweepId)).orderBy(runs.id);
const firstRun = async () => (await sweepRuns())[0]!;
const grant = async (runId: number, nodeId: string, ttlMs = minute): Promise<Grant> => {
  const granted = await database.transact((tx) => grantLeases(tx, [{ runId, nodeId }], ttlMs));
  expect(granted).toHaveLength(1);
  return granted[0]!;
};
const accept = (sender: string, attempt: Grant, fields: Parameters<typeof aResult>[1] = {}) =>
  database.transact((tx) => acceptResult(tx, sender, aResult(attempt, fields), aWorkspace));
const openGrade = async (attemptId: string) => {
  const all = await database.queries
    .select()
    .from(grades)
    .where(eq(grades.attemptId, attemptId))
    .orderBy(grades.number);
  return all.at(-1)!;
};
const attemptOf = async ({ attemptId }: Grant) =>
  (await database.queries.select().from(attempts).where(eq(attempts.id, attemptId)))[0]!;

describe("the ledger", () => {
  it("takes a run from its grant to its grade and counts one result", async () => {
    const { id } = await firstRun();
    const attempt = await grant(id, node1);
    await database.transact((tx) => markStarted(tx, attempt));
    expect((await firstRun()).state).toBe("running");
    expect(await accept(name1, attempt)).toBe("accepted");
    expect(await firstRun()).toMatchObject({
      state: "finished",
      acceptedAttemptId: attempt.attemptId,
    });
    const grade = await openGrade(attempt.attemptId);
    const verdict = aVerdict(grade.id, GradeOutcome.PASSED);
    expect(await database.transact((tx) => applyVerdict(tx, "grader-1", verdict))).toBe("graded");
    expect(await database.transact((tx) => applyVerdict(tx, "grader-1", verdict))).toBe(
      "duplicate",
    );
    const [result] = await listRuns(database.queries, sweepName, {
      model: "",
      harness: "",
      task: "",
      state: "graded",
    });
    expect(result).toMatchObject({
      outcome: "passed",
      agent_seconds: 2.5,
      node: name1,
      attempts: 1,
    });
  });

  it("grants a run once, however many ask at the same time", async () => {
    const { id } = await firstRun();
    const asked = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        database.transact((tx) =>
          grantLeases(tx, [{ runId: id, nodeId: index % 2 === 0 ? node1 : node2 }], minute),
        ),
      ),
    );
    expect(asked.flat()).toHaveLength(1);
    expect(await database.queries.$count(attempts, eq(attempts.runId, id))).toBe(1);
  });

  it("stores the same result twice as one", async () => {
    const attempt = await grant((await firstRun()).id, node1);
    expect(await accept(name1, attempt)).toBe("accepted");
    expect(await accept(name1, attempt)).toBe("duplicate");
    expect(await database.queries.$count(grades, eq(grades.attemptId, attempt.attemptId))).toBe(1);
  });

  it("keeps the late result of a node whose lease ran out as superseded, before and after the next grant", async () => {
    const { id } = await firstRun();
    const first = await grant(id, node1, expired);
    expect(await accept(name1, first)).toBe("superseded");
    expect(await firstRun()).toMatchObject({
      state: "pending",
      failures: 1,
      acceptedAttemptId: null,
    });

    const second = await grant(id, node1, expired);
    await database.transact((tx) => expireLeases(tx));
    const third = await grant(id, node2);
    expect(await accept(name1, second)).toBe("superseded");
    expect(await attemptOf(second)).toMatchObject({ superseded: true, ending: "lost" });
    expect(await accept(name2, third)).toBe("accepted");
    expect(await firstRun()).toMatchObject({ acceptedAttemptId: third.attemptId, epoch: 3 });
  });

  it("renews what is held and never revives what ran out", async () => {
    const [one, two] = await sweepRuns();
    const held = await grant(one!.id, node1);
    const lost = await grant(two!.id, node1, expired);
    const judged = await database.transact((tx) => renewLeases(tx, [held, lost], minute));
    const kindOf = ({ attemptId }: Grant) =>
      judged.find(({ claim }) => claim.attemptId === attemptId)?.verdict.kind;
    expect([kindOf(held), kindOf(lost)]).toEqual(["held", "fenced"]);
  });

  it("does not renew a lease for another node or an older epoch", async () => {
    const held = await grant((await firstRun()).id, node1);
    const judged = await database.transact((tx) =>
      renewLeases(
        tx,
        [
          { ...held, nodeId: node2 },
          { ...held, epoch: held.epoch + 1 },
        ],
        minute,
      ),
    );
    expect(judged.map(({ verdict }) => verdict.kind)).toEqual(["fenced", "fenced"]);
  });

  it("gives a run up when its attempts are used up, and says why", async () => {
    const { id } = await firstRun();
    for (let number = 1; number <= 3; number += 1) {
      const attempt = await grant(id, node1);
      await accept(name1, attempt, { outcome: AttemptOutcome.INFRA_ERROR, reason: "server died" });
    }
    expect(await firstRun()).toMatchObject({
      state: "exhausted",
      reason: "3 of 3 attempts failed: server died",
      acceptedAttemptId: null,
    });
  });

  it("does not count a refused assignment against the run", async () => {
    const attempt = await grant((await firstRun()).id, node1);
    await database.transact((tx) => refuseAssignment(tx, attempt, "draining"));
    expect(await firstRun()).toMatchObject({ state: "pending", failures: 0, reason: "draining" });
  });

  it("counts a timeout as the model's result, without a grade", async () => {
    const attempt = await grant((await firstRun()).id, node1);
    await accept(name1, attempt, { outcome: AttemptOutcome.TIMEOUT, agentSeconds: 60 });
    expect((await firstRun()).state).toBe("graded");
    const [result] = await listRuns(database.queries, sweepName, {
      model: "",
      harness: "",
      task: "",
      state: "graded",
    });
    expect(result?.outcome).toBe("timeout");
    expect(await database.queries.$count(grades, eq(grades.attemptId, attempt.attemptId))).toBe(0);
  });

  it("lets a released lease outlive its time until the result is there", async () => {
    const attempt = await grant((await firstRun()).id, node1, 1_000);
    await database.transact((tx) => releaseLease(tx, attempt));
    const [lease] = await database.queries
      .select({ left: sql<number>`extract(epoch from ${leases.expiresAt} - now())::float8` })
      .from(leases)
      .where(eq(leases.attemptId, attempt.attemptId));
    expect(lease!.left).toBeGreaterThan(60);
    expect(await accept(name1, attempt)).toBe("accepted");
  });

  it("takes back at once what a restarted node no longer claims, save what it has released", async () => {
    const [one, two] = await sweepRuns();
    const forgotten = await grant(one!.id, node1);
    const released = await grant(two!.id, node1);
    await database.transact((tx) => releaseLease(tx, released));
    const later = new Date(Date.now() + minute);
    const taken = await database.transact((tx) =>
      reconcileLeases(tx, { nodeId: node1, claimed: [], grantedBefore: later }),
    );
    expect(taken).toBe(1);
    expect((await attemptOf(forgotten)).ending).toBe("lost");
    expect((await attemptOf(released)).ending).toBeNull();
  });

  it("leaves alone what was granted after the node came back", async () => {
    const attempt = await grant((await firstRun()).id, node1);
    const earlier = new Date(Date.now() - minute);
    await database.transact((tx) =>
      reconcileLeases(tx, { nodeId: node1, claimed: [], grantedBefore: earlier }),
    );
    expect((await attemptOf(attempt)).ending).toBeNull();
  });

  it("grades again after a grader's failure, and gives up after the third without blaming the model", async () => {
    const attempt = await grant((await firstRun()).id, node1);
    await accept(name1, attempt);
    for (const fate of ["retried", "retried", "gave_up"]) {
      const grade = await openGrade(attempt.attemptId);
      const verdict = aVerdict(grade.id, GradeOutcome.GRADER_ERROR, "disk full");
      expect(await database.transact((tx) => applyVerdict(tx, "g", verdict))).toBe(fate);
    }
    const run = await firstRun();
    expect(run.state).toBe("exhausted");
    expect(run.reason).toContain("disk full");
    const [result] = await listRuns(database.queries, sweepName, {
      model: "",
      harness: "",
      task: "",
      state: "exhausted",
    });
    expect(result?.outcome).toBeNull();
  });

  it("cancels what has not ended, tells which attempts to stop, and counts nothing that comes later", async () => {
    const { id } = await firstRun();
    const attempt = await grant(id, node1);
    const stopped = await database.transact((tx) => cancelRuns(tx, sweepId, "enough"));
    expect(stopped).toEqual([{ attemptId: attempt.attemptId, nodeId: node1 }]);
    expect((await sweepRuns()).map(({ state }) => state)).toEqual(["cancelled", "cancelled"]);
    expect(await accept(name1, attempt)).toBe("superseded");
    expect((await firstRun()).acceptedAttemptId).toBeNull();
  });

  it("keeps saying why a run was cancelled when a verdict comes later", async () => {
    const { id } = await firstRun();
    const attempt = await grant(id, node1);
    await accept(name1, attempt);
    const grade = await openGrade(attempt.attemptId);
    await database.transact((tx) => cancelRuns(tx, sweepId, "enough"));
    await database.transact((tx) =>
      applyVerdict(tx, "g", aVerdict(grade.id, GradeOutcome.GRADER_ERROR, "broken")),
    );
    expect(await firstRun()).toMatchObject({ state: "cancelled", reason: "enough" });
  });

  it("lets a node rest that refuses again and again, as one that fails", async () => {
    const { id } = await firstRun();
    for (const reason of ["the slot is taken", "the slot is taken"]) {
      const attempt = await grant(id, node1);
      await database.transact((tx) => refuseAssignment(tx, attempt, reason));
    }
    const { nodes } = await readSnapshot(database.queries, () => true);
    expect(nodes.find(({ nodeId }) => nodeId === node1)?.failuresInARow).toBe(2);
    expect(nodes.find(({ nodeId }) => nodeId === node2)?.failuresInARow).toBe(0);
  });

  it("stores each chunk once and refuses another node's", async () => {
    const attempt = await grant((await firstRun()).id, node1);
    const chunks = [aChunk(attempt, 0, 3), aChunk(attempt, 3, 2)];
    const store = (sender: string) =>
      database.transact((tx) =>
        storeTrace(
          tx,
          chunks.map((chunk) => ({ sender, chunk })),
        ),
      );
    await store(name1);
    await store(name1);
    expect(
      await database.queries.$count(traceChunks, eq(traceChunks.attemptId, attempt.attemptId)),
    ).toBe(2);
    await expect(store(name2)).rejects.toThrow(RejectedEventError);
  });

  it("refuses the result of an attempt that was granted to another node", async () => {
    const attempt = await grant((await firstRun()).id, node1);
    await expect(accept(name2, attempt)).rejects.toThrow(RejectedEventError);
    expect((await firstRun()).state).toBe("leased");
  });

  it("keeps text that Postgres cannot hold readable instead of losing the result", async () => {
    const attempt = await grant((await firstRun()).id, node1);
    const reason = "nul \0 and lone \uD800";
    await accept(name1, attempt, { outcome: AttemptOutcome.AGENT_ERROR, reason });
    expect((await attemptOf(attempt)).reason).toBe("nul \uFFFD and lone \uFFFD");
  });
});

describe("submitting a sweep", () => {
  it("is refused the second time, and changes nothing", async () => {
    await expect(
      storeSweep(database, aSubmission({ name: sweepName, seeds: 5 }), false),
    ).rejects.toThrow(/was submitted on .* use --amend/);
    expect(await sweepRuns()).toHaveLength(2);
  });

  it("adds only new seeds when amended, however often", async () => {
    const amended = aSubmission({ name: sweepName, seeds: 3 });
    expect(await storeSweep(database, amended, true)).toMatchObject({ runsAdded: 1, runsTotal: 3 });
    expect(await storeSweep(database, amended, true)).toMatchObject({ runsAdded: 0, runsTotal: 3 });
  });

  it("does not complete while an amendment that adds runs is under way", async () => {
    for (const { id } of await sweepRuns()) {
      await accept(name1, await grant(id, node1), { outcome: AttemptOutcome.TIMEOUT });
    }
    const storing = new EventEmitter();
    const [stored, commit] = [once(storing, "stored"), once(storing, "commit")];
    const slow: Database = {
      ...database,
      transact: (work) =>
        database.transact(async (tx) => {
          const result = await work(tx);
          storing.emit("stored");
          await commit;
          return result;
        }),
    };
    const amending = storeSweep(slow, aSubmission({ name: sweepName, seeds: 3 }), true);
    await stored;
    const completing = completeSweeps(database);
    await vi.waitFor(async () => {
      const waiting = await database.queries.execute(
        sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(waiting).toHaveLength(1);
    });
    storing.emit("commit");
    await Promise.all([amending, completing]);
    const [sweep] = await database.queries.select().from(sweeps).where(eq(sweeps.id, sweepId));
    expect(sweep?.state).toBe("active");
  });

  it("refuses an amendment that would change what existing cells mean", async () => {
    const changed = aSubmission({ name: sweepName, seeds: 3, wallSeconds: 61 });
    await expect(storeSweep(database, changed, true)).rejects.toThrow(
      /change what 1 existing cells mean/,
    );
    expect(await sweepRuns()).toHaveLength(2);
  });

  it("refuses to amend what was never submitted", async () => {
    await expect(storeSweep(database, aSubmission({ name: "nobody" }), true)).rejects.toThrow(
      /no sweep "nobody" to amend/,
    );
  });
});

describe("the views", () => {
  it("agree with the tables", async () => {
    const [one, two] = await sweepRuns();
    const passed = await grant(one!.id, node1);
    await accept(name1, passed);
    const grade = await openGrade(passed.attemptId);
    await database.transact((tx) => applyVerdict(tx, "g", aVerdict(grade.id, GradeOutcome.PASSED)));
    const timedOut = await grant(two!.id, node2);
    await accept(name2, timedOut, { outcome: AttemptOutcome.TIMEOUT, agentSeconds: 75 });
    const [cell] = await selectRows(
      database.queries,
      z.record(z.string(), z.unknown()),
      sql`select * from cell_results where sweep = ${sweepName}`,
    );
    expect(cell).toMatchObject({
      planned: 2,
      valid: 2,
      missing: 0,
      passed: 1,
      failed: 0,
      timeouts: 1,
      pass_rate: 0.5,
      // The timeout counts with its limit of 60 s: (2.5 + 60) / 2.
      mean_seconds: 31.25,
    });
  });
});

describe("the status of a sweep", () => {
  const status = () => readSweepStatus(database.queries, sweepName, () => true, Date.now());

  it("has an ETA once a run has ended, and none from ends of another day", async () => {
    expect((await status()).etaSeconds).toBeUndefined();
    const attempt = await grant((await firstRun()).id, node1);
    await accept(name1, attempt, { outcome: AttemptOutcome.TIMEOUT });
    expect((await status()).etaSeconds).toBeGreaterThanOrEqual(0);
    const { attemptId, runId } = attempt;
    await database.queries.execute(
      sql`update attempts set granted_at = now() - interval '2 days' where id = ${attemptId}`,
    );
    await database.queries.execute(
      sql`update runs set changed_at = now() - interval '2 days' where id = ${runId}`,
    );
    expect((await status()).etaSeconds).toBeUndefined();
  });
});
