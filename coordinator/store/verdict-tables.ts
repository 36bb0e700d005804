import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  unique,
  uuid,
} from "drizzle-orm/pg-core";
import { type AuditClass, type AuditFinding, auditClasses } from "../audit/finding.ts";
import { type GradeState, gradeStates } from "../grading/grade-state.ts";
import { attempts, moment, oneOf, runs, sweeps, tasks } from "./schema.ts";

/** What is thought of attempts: verdicts on their workspaces, and audits of their traces. */

/**
 * A request to grade stored workspaces of one task again, with the version `taskId`. Its progress is
 * that of its grades. With `adopt`, the sweep's cells of the task are switched to that version once
 * every accepted workspace of theirs has a verdict under it.
 */
export const regrades = pgTable(
  "regrades",
  {
    id: uuid("id").primaryKey(),
    /** The command that asked for it, which may have asked for several tasks. */
    requestId: uuid("request_id").notNull(),
    sweepId: uuid("sweep_id")
      .notNull()
      .references(() => sweeps.id),
    taskId: bigint("task_id", { mode: "number" })
      .notNull()
      .references(() => tasks.id),
    /** Set if only this run is graded again. */
    runId: bigint("run_id", { mode: "number" }).references(() => runs.id),
    adopt: boolean("adopt").notNull(),
    requestedAt: moment("requested_at").notNull().defaultNow(),
    adoptedAt: moment("adopted_at"),
    /** Why the version was not adopted after all; else empty. */
    refusal: text("refusal").notNull().default(""),
  },
  (table) => [
    index("regrades_by_sweep").on(table.sweepId, table.requestedAt),
    index("regrades_to_adopt")
      .on(table.id)
      .where(sql`adopt and adopted_at is null and refusal = ''`),
  ],
);

/** A grading of an attempt's workspace; a failure of the grader is followed by another. */
export const grades = pgTable(
  "grades",
  {
    id: uuid("id").primaryKey(),
    attemptId: uuid("attempt_id")
      .notNull()
      .references(() => attempts.id),
    taskId: bigint("task_id", { mode: "number" })
      .notNull()
      .references(() => tasks.id),
    /** Counts the gradings of the attempt, under whichever version of the task. */
    number: integer("number").notNull(),
    /** The regrade that asked for it; null for the grading that follows a result. */
    regradeId: uuid("regrade_id").references(() => regrades.id),
    /** What counted when the regrade was asked for, to which its verdict is compared; null if nothing did. */
    baselineId: uuid("baseline_id").references((): AnyPgColumn => grades.id),
    /** 1, and one more after each failure of the grader. */
    tries: integer("tries").notNull().default(1),
    state: text("state").$type<GradeState>().notNull().default("queued"),
    /** Not published before this moment: the pause after a grader's failure. */
    dueAt: moment("due_at").notNull().defaultNow(),
    publishedAt: moment("published_at"),
    gradedAt: moment("graded_at"),
    reason: text("reason").notNull().default(""),
    reward: doublePrecision("reward"),
    checks: jsonb("checks").$type<CheckColumns[]>().notNull().default([]),
    /** Written by the code under test: hostile. */
    output: text("output").notNull().default(""),
    seconds: doublePrecision("seconds"),
    graderName: text("grader_name").notNull().default(""),
    graderVersion: text("grader_version").notNull().default(""),
    sandbox: text("sandbox").notNull().default(""),
    toolchains: jsonb("toolchains")
      .$type<{ name: string; version: string }[]>()
      .notNull()
      .default([]),
  },
  (table) => [
    unique("grades_of_attempt").on(table.attemptId, table.number),
    check("grades_state", oneOf("state", gradeStates)),
    index("grades_open").on(table.dueAt).where(sql`state in ('queued', 'published')`),
    index("grades_of_regrade").on(table.regradeId).where(sql`regrade_id is not null`),
  ],
);

/** What a trace shows of an agent that looked for the grader, under one version of the rules. */
export const audits = pgTable(
  "audits",
  {
    attemptId: uuid("attempt_id")
      .notNull()
      .references(() => attempts.id),
    /** Of `coordinator/audit/rules.yaml`. */
    rulesVersion: integer("rules_version").notNull(),
    class: text("class").$type<AuditClass>().notNull(),
    /** Quotes are what agents and programs wrote: hostile. */
    findings: jsonb("findings").$type<AuditFinding[]>().notNull(),
    /** Events that are not stored, or cannot be read, and were therefore not judged. */
    missingEvents: integer("missing_events").notNull(),
    auditedAt: moment("audited_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.attemptId, table.rulesVersion] }),
    check("audits_class", oneOf("class", auditClasses)),
  ],
);

/** One named check of a grade as stored. */
export interface CheckColumns {
  readonly name: string;
  readonly passed: boolean;
  readonly message: string;
}
