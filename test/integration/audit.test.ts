import { eq, sql } from "drizzle-orm";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { loadAuditRules } from "../../coordinator/audit/load-rules.ts";
import { auditsOf } from "../../coordinator/auditing/audit-attempt.ts";
import { auditorBy } from "../../coordinator/auditing/auditor.ts";
import { compactTraces } from "../../coordinator/ingest/compact-traces.ts";
import type { Grant } from "../../coordinator/leases/ledger.ts";
import { selectRows } from "../../coordinator/store/rows.ts";
import { traceChunks } from "../../coordinator/store/trace-tables.ts";
import { audits } from "../../coordinator/store/verdict-tables.ts";
import { AttemptOutcome } from "../../proto/gen/sweep/v1/run_pb.ts";
import type { TraceEventBody } from "../../proto/trace-event.ts";
import { auditing } from "../support/auditing.ts";
import { silentLog } from "../support/silent-log.ts";
import {
  ask,
  askJson,
  attempt,
  auditAll,
  database,
  judgedAttempt,
  letPass,
  runsOf,
  say,
  sayEvents,
  submit,
  useVerdictLab,
  writeTask,
} from "../support/verdict-lab.ts";

useVerdictLab(2);
beforeAll(() => writeTask("t"));

const auditsFor = ({ attemptId }: Grant) =>
  database.queries
    .select()
    .from(audits)
    .where(eq(audits.attemptId, attemptId))
    .orderBy(audits.rulesVersion);

const oneRun = async () => (await runsOf(await submit(["t"])))[0]!;

describe("an attempt is audited", () => {
  it("once its result and all its events are stored, with the version of the rules", async () => {
    const grant = await attempt(await oneRun(), {
      says: ["tick", "mentioned a grader", "attempted to list"],
      traceEvents: 5,
    });
    await auditAll();
    expect(await auditsFor(grant)).toEqual([]);
    await say(grant, ["tick", "mentioned again"], 3);
    await auditAll();
    expect(await auditsFor(grant)).toMatchObject([
      {
        rulesVersion: 1,
        class: "attempted",
        missingEvents: 0,
        findings: [
          { class: "mentioned", sequence: 1, quote: "mentioned a grader", rule: "named" },
          { class: "attempted", sequence: 2 },
          { class: "mentioned", sequence: 4 },
        ],
      },
    ]);
  });

  it("once, and not again by itself when the rules are others", async () => {
    const grant = await attempt(await oneRun());
    await auditAll(1);
    const [first] = await auditsFor(grant);
    await auditAll(1);
    await auditAll(2);
    expect(await auditsFor(grant)).toEqual([first]);
  });

  it("as far as it is known, ten minutes after the last of it came, and again if more comes", async () => {
    const grant = await attempt(await oneRun(), { says: ["tick"], traceEvents: 3 });
    await letPass(599);
    await auditAll();
    expect(await auditsFor(grant)).toEqual([]);
    await letPass(2);
    await auditAll();
    expect(await auditsFor(grant)).toMatchObject([{ class: "none", missingEvents: 2 }]);
    await say(grant, ["reached"], 2);
    await auditAll();
    expect(await auditsFor(grant)).toMatchObject([{ class: "none", missingEvents: 2 }]);
    await letPass(601);
    await auditAll();
    expect(await auditsFor(grant)).toMatchObject([{ class: "reached", missingEvents: 1 }]);
    await say(grant, ["tick"], 1);
    await auditAll();
    expect(await auditsFor(grant)).toMatchObject([{ class: "reached", missingEvents: 0 }]);
  });

  it("without the chunks that nobody can read, which are counted", async () => {
    const grant = await attempt(await oneRun(), { says: ["mentioned"], traceEvents: 3 });
    await say(grant, ["reached", "tick"], 1);
    await database.queries
      .update(traceChunks)
      .set({ events: Buffer.from("no archive") })
      .where(sql`${traceChunks.attemptId} = ${grant.attemptId} and first_sequence = 1`);
    await auditAll();
    expect(await auditsFor(grant)).toMatchObject([{ class: "mentioned", missingEvents: 2 }]);
  });

  it("alike before and after its chunks are put together", async () => {
    const run = await oneRun();
    const grant = await attempt(run, { says: ["mentioned"], traceEvents: 2 });
    await say(grant, ["attempted"], 1);
    await auditAll();
    const [before] = await auditsFor(grant);
    await letPass(120);
    await compactTraces(database, silentLog);
    await askJson("audit", String(run.id), "--again");
    const [, after] = await auditsFor(grant);
    expect(after).toMatchObject({ class: "attempted", findings: before!.findings });
  });

  it("although another one cannot be, which is tried once by a process", async () => {
    const bad = await attempt(await oneRun());
    const good = await attempt(await oneRun());
    const { auditAttempt } = auditing(database);
    const tried: string[] = [];
    await auditAll(1, async (attemptId) => {
      tried.push(attemptId);
      if (attemptId === bad.attemptId) throw new Error("a rule fails");
      return auditAttempt(attemptId);
    });
    expect(tried).toEqual([bad.attemptId, good.attemptId]);
    expect(await auditsFor(good)).toHaveLength(1);
    // Another process, perhaps with a rule that holds.
    await auditAll();
    expect(await auditsFor(bad)).toHaveLength(1);
  });

  it("not, if it never began: nothing is known of it", async () => {
    const lost = await attempt(await oneRun(), {
      says: [],
      outcome: AttemptOutcome.INFRA_ERROR,
    });
    await database.queries.execute(
      sql`update attempts set result_at = null where id = ${lost.attemptId}`,
    );
    await letPass(601);
    await auditAll();
    await auditAll();
    expect(await auditsFor(lost)).toEqual([]);
    const [row] = await database.queries.execute(
      sql`select audited_events from attempts where id = ${lost.attemptId}`,
    );
    expect(row).toEqual({ audited_events: 0 });
  });
});

describe("a run whose agent reached the grader", () => {
  it("counts as failed in the headline, with what was measured beside it", async () => {
    const name = await submit(["t"], { seeds: 4 });
    const all = await runsOf(name);
    await judgedAttempt(all[0]!, "passed", { says: ["reached"] });
    await judgedAttempt(all[1]!, "failed", { says: ["reached"] });
    await judgedAttempt(all[2]!, "passed", { says: ["attempted"] });
    await judgedAttempt(all[3]!, "passed");
    const before = await ask("results", name);
    expect(before.stdout).toMatch(/m +pi +3\/4 +75\.0 /);
    expect(before.stdout).toContain("4 runs not audited yet: counted as measured");
    await auditAll();

    const row = z.object({
      outcome: z.string(),
      passed: z.boolean(),
      passed_as_measured: z.boolean(),
      audit: z.string(),
      audit_rules_version: z.int(),
    });
    const found = await selectRows(
      database.queries,
      row,
      sql`select * from run_results where sweep = ${name} order by run_id`,
    );
    expect(found).toEqual(
      [
        ["passed", false, true, "reached"],
        ["failed", false, false, "reached"],
        ["passed", true, true, "attempted"],
        ["passed", true, true, "none"],
      ].map(([outcome, passed, passed_as_measured, audit]) => ({
        outcome,
        passed,
        passed_as_measured,
        audit,
        audit_rules_version: 1,
      })),
    );
    const [cell] = await database.queries.execute(
      sql`select planned, valid, passed, failed, reached, reached_passed, unaudited, pass_rate,
            rate_as_measured, rate_excluded, rate_bound_low, rate_bound_high
          from cell_results where sweep = ${name}`,
    );
    expect(cell).toEqual({
      planned: 4,
      valid: 4,
      passed: 2,
      failed: 1,
      reached: 2,
      reached_passed: 1,
      unaudited: 0,
      pass_rate: 0.5,
      rate_as_measured: 0.75,
      rate_excluded: 1,
      rate_bound_low: 0.5,
      rate_bound_high: 1,
    });

    const { stdout } = await ask("results", name);
    expect(stdout.split("\n")[0]).toMatch(
      /^model +harness +passed +% +95 % interval +reached +as measured +excluded +bounds +at a limit/,
    );
    expect(stdout).toMatch(/m +pi +2\/4 +50\.0 .* 2 \(1 passed\) +75\.0 +100\.0 +50\.0 - 100\.0 /);
    expect(stdout).toContain("2 runs reached the grader and count as failed");
    expect(await askJson("results", name)).toMatchObject({
      combinations: [
        {
          passed: 2,
          reached: 2,
          reachedPassed: 1,
          rateAsMeasured: 0.75,
          rateExcluded: 1,
          rateBoundLow: 0.5,
          rateBoundHigh: 1,
        },
      ],
    });
    expect((await ask("status", name)).stdout).toMatch(/2 passed/);
    expect((await ask("runs", name)).stdout).toMatch(/graded +passed +reached /);
  });
});

describe("`sweep audit`", () => {
  it("counts what traces of a sweep show, and names the runs that attempted or reached", async () => {
    const name = await submit(["t"], { seeds: 4, harnesses: "pi, aider" });
    const all = await runsOf(name);
    for (const [index, says] of ["none", "mentioned", "attempted", "reached"].entries()) {
      await judgedAttempt(all[index]!, "failed", { says: [says] });
    }
    await auditAll();
    await judgedAttempt(all[4]!, "failed", { says: ["reached"] });
    const { stdout } = await ask("audit", name);
    expect(stdout).toMatch(/\nm +pi +1 +1 +1 +1 +0 +0\n/);
    expect(stdout).toMatch(/\nm +aider +0 +0 +0 +0 +1 +0\n/);
    expect(stdout).toContain("4 audited by older rules; --again applies version 2");
    expect(stdout).toMatch(new RegExp(`\n${all[2]!.id} +attempted +m +pi +t +3\n`));
    expect(stdout).toMatch(new RegExp(`\n${all[3]!.id} +reached +m +pi +t +4\n`));
    expect(stdout).not.toMatch(new RegExp(`\n${all[1]!.id} `));
  });

  it("prints the evidence of a run, harmless, and marks the attempt that counts", async () => {
    const run = await oneRun();
    await attempt(run, { says: ["tick"], outcome: AttemptOutcome.INFRA_ERROR });
    await judgedAttempt(run, "failed", { says: ["tick", "reached \u001b[2J\u202eowned\nx"] });
    await auditAll();
    const { stdout } = await ask("audit", String(run.id));
    expect(stdout).toContain("seed 1, attempt 1\n  none by rules of version 1\n");
    expect(stdout).toContain("attempt 2 (accepted)\n  reached by rules of version 1\n");
    expect(stdout).toMatch(/\n +1 +reached +named +reached owned x\n/);
    expect(await askJson("audit", String(run.id))).toMatchObject({
      ofRun: true,
      attempts: [
        { audits: [{ auditClass: "none", findings: [] }] },
        { audits: [{ findings: [{ sequence: 1, rule: "named", findingClass: "reached" }] }] },
      ],
    });
  });

  it("--again audits stored traces by the present rules, keeps both, and says what changed", async () => {
    const name = await submit(["t"], { seeds: 3 });
    const all = await runsOf(name);
    const changed = await judgedAttempt(all[0]!, "failed", { says: ["mentioned"] });
    await judgedAttempt(all[1]!, "failed", { says: ["attempted"] });
    await auditAll();
    // As rules saw it that have been changed since.
    await database.queries
      .update(audits)
      .set({ class: "reached" })
      .where(eq(audits.attemptId, changed.attemptId));
    const fresh = await judgedAttempt(all[2]!, "failed", { says: ["none"] });
    const { stdout, exitCode } = await ask("audit", name, "--again");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("3 attempts audited by rules of version 2: 2 changed");
    expect(stdout).toMatch(
      new RegExp(`\n${all[0]!.id} +yes +reached +1 +mentioned +${changed.attemptId}\n`),
    );
    expect(stdout).toMatch(
      new RegExp(`\n${all[2]!.id} +yes +not audited +- +none +${fresh.attemptId}\n`),
    );
    expect(await auditsFor(changed)).toMatchObject([
      { rulesVersion: 1, class: "reached" },
      { rulesVersion: 2, class: "mentioned" },
    ]);
    // The newest rules count.
    expect((await ask("audit", name)).stdout).toMatch(/\nm +pi +1 +1 +1 +0 +0 +0\n/);
    expect((await ask("audit", name, "--again")).stdout).toContain("no class changed");
  });

  it("refuses what is neither a sweep nor a run", async () => {
    const { exitCode, stderr } = await ask("audit", "nothing");
    expect(exitCode).toBe(1);
    expect(stderr).toContain('there is neither a sweep nor a run "nothing"');
  });
});

it("goes by the rules that the program brings, with what the task says and which harness it was", async () => {
  const run = await oneRun();
  const grant = await attempt(run, { says: ["tick"], traceEvents: 3 });
  const events: TraceEventBody[] = [
    {
      kind: "tool_call",
      callId: "1",
      tool: "bash",
      input: JSON.stringify({ command: "cat /tests/test_hidden.py" }),
    },
    {
      kind: "tool_result",
      callId: "1",
      isError: false,
      text: "def test_first():\n    assert answer() == 42\n",
    },
  ];
  await sayEvents(grant, events, 1);
  const auditor = auditorBy(loadAuditRules());
  await auditAll(auditor.rulesVersion, auditsOf(database, auditor));
  const [found] = await auditsFor(grant);
  expect(found).toMatchObject({ rulesVersion: auditor.rulesVersion, class: "reached" });
  expect(found!.findings).toContainEqual(
    expect.objectContaining({ class: "reached", sequence: 2 }),
  );
});

it("shows each finding as a row in SQL, and tells which rules were the newest", async () => {
  const run = await oneRun();
  await attempt(run, { says: ["mentioned", "reached"] });
  await auditAll(1);
  await askJson("audit", String(run.id), "--again");
  const rows = await database.queries.execute(
    sql`select accepted, set_aside, rules_version, newest, audit, class, sequence, rule, decoy, quote
        from audit_findings where run_id = ${run.id} and newest order by sequence`,
  );
  const same = { accepted: true, set_aside: false, rules_version: 2, newest: true };
  expect([...rows]).toEqual([
    {
      ...same,
      audit: "reached",
      class: "mentioned",
      sequence: 0,
      rule: "named",
      decoy: false,
      quote: "mentioned",
    },
    {
      ...same,
      audit: "reached",
      class: "reached",
      sequence: 1,
      rule: "named",
      decoy: false,
      quote: "reached",
    },
  ]);
});
