import { EventEmitter, once } from "node:events";
import { eq, sql } from "drizzle-orm";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { applyVerdict } from "../../coordinator/ingest/apply-verdict.ts";
import { storeSweep } from "../../coordinator/operator/submit.ts";
import { readSweepStatus } from "../../coordinator/queries/sweep-status.ts";
import { completeSweeps } from "../../coordinator/scheduler/round.ts";
import type { Database } from "../../coordinator/store/database.ts";
import { selectRows } from "../../coordinator/store/rows.ts";
import { sweeps } from "../../coordinator/store/schema.ts";
import { GradeOutcome } from "../../proto/gen/sweep/v1/event_pb.ts";
import { AttemptOutcome } from "../../proto/gen/sweep/v1/run_pb.ts";
import {
  accept,
  database,
  firstRun,
  grant,
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
import { aSubmission, aVerdict } from "../support/submission.ts";

useLedger();

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
