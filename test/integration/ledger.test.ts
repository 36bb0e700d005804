import { eq, sql } from "drizzle-orm";
import { describe, expect, it } from "vitest";
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
import { listRuns } from "../../coordinator/queries/runs.ts";
import { readSnapshot } from "../../coordinator/scheduler/read-snapshot.ts";
import { attempts, leases } from "../../coordinator/store/schema.ts";
import { traceChunks } from "../../coordinator/store/trace-tables.ts";
import { grades } from "../../coordinator/store/verdict-tables.ts";
import { GradeOutcome } from "../../proto/gen/sweep/v1/event_pb.ts";
import { AttemptOutcome } from "../../proto/gen/sweep/v1/run_pb.ts";
import {
  accept,
  attemptOf,
  database,
  firstRun,
  grant,
  minute,
  name1,
  name2,
  node1,
  node2,
  openGrade,
  sweepId,
  sweepName,
  sweepRuns,
  useLedger,
} from "../support/ledger.ts";
import { aChunk, aVerdict } from "../support/submission.ts";

/** A lease of this length has run out when it is granted. */
const expired = -1;

useLedger();

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
