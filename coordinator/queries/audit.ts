import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { sql } from "drizzle-orm";
import { z } from "zod";
import type {
  AuditCountSchema,
  AuditedAttemptSchema,
  ReadAuditResponseSchema,
} from "../../proto/gen/sweep/v1/operator_pb.ts";
import { auditClasses } from "../audit/finding.ts";
import { type Executor, selectRows } from "../store/rows.ts";
import { findTarget, type Target } from "./target.ts";

/**
 * What audits found: of a sweep, its accepted attempts counted and those listed that attempted or
 * reached; of a run, all its attempts with the evidence under each version of the rules.
 * @throws NotFoundError
 */
export async function readAudit(
  executor: Executor,
  name: string,
  rulesVersion: number,
): Promise<MessageInitShape<typeof ReadAuditResponseSchema>> {
  const target = await findTarget(executor, name);
  const [counts, attempts] = await Promise.all([
    countAudits(executor, target, rulesVersion),
    readAttempts(executor, target),
  ]);
  return {
    sweepName: target.sweep.name,
    rulesVersion,
    counts,
    attempts,
    ofRun: target.run !== null,
  };
}

const countRow = z.object({
  model: z.string(),
  harness: z.string(),
  none: z.int(),
  mentioned: z.int(),
  attempted: z.int(),
  reached: z.int(),
  unaudited: z.int(),
  olderRules: z.int(),
  incomplete: z.int(),
  setAside: z.int(),
});

function countAudits(
  executor: Executor,
  { sweep, run }: Target,
  rulesVersion: number,
): Promise<MessageInitShape<typeof AuditCountSchema>[]> {
  const classes = auditClasses.map(
    (name) => sql`(count(*) filter (where audit = ${name}))::integer as ${sql.identifier(name)}`,
  );
  return selectRows(
    executor,
    countRow,
    sql`
      select model, harness, ${sql.join(classes, sql`, `)},
        (count(*) filter (where attempt_id is not null and audit is null))::integer as unaudited,
        (count(*) filter (where audit_rules_version < ${rulesVersion}))::integer as "olderRules",
        (count(*) filter (where audit_missing_events > 0))::integer as incomplete,
        coalesce(sum((
          select count(*) from attempts
          where attempts.run_id = run_results.run_id and attempts.set_aside_reason <> ''
        )), 0)::integer as "setAside"
      from run_results
      where sweep = ${sweep.name} ${ofRun(run)}
      group by model, harness order by model, harness`,
  );
}

const attemptRow = z.object({
  runId: z.coerce.string(),
  model: z.string(),
  harness: z.string(),
  task: z.string(),
  seed: z.int(),
  attemptId: z.string(),
  number: z.int(),
  accepted: z.boolean(),
  setAside: z.boolean(),
  audits: z.array(
    z.object({
      rulesVersion: z.int(),
      auditClass: z.enum(auditClasses),
      auditedAt: z.iso.datetime({ offset: true }),
      missingEvents: z.int(),
      findings: z.array(
        z.object({
          class: z.string(),
          sequence: z.int(),
          rule: z.string(),
          quote: z.string(),
          decoy: z.boolean(),
        }),
      ),
    }),
  ),
});

/** Newest rules first; findings only of a run, since a sweep's fill many megabytes. */
async function readAttempts(
  executor: Executor,
  { sweep, run }: Target,
): Promise<MessageInitShape<typeof AuditedAttemptSchema>[]> {
  const rows = await selectRows(
    executor,
    attemptRow,
    sql`
      select runs.id as "runId", cells.model_name as model, cells.harness, cells.task_name as task,
        runs.seed, attempts.id as "attemptId", attempts.number,
        coalesce(runs.accepted_attempt_id = attempts.id, false) as accepted,
        attempts.set_aside_reason <> '' as "setAside",
        coalesce((
          select jsonb_agg(jsonb_build_object(
            'rulesVersion', audits.rules_version, 'auditClass', audits.class,
            'auditedAt', audits.audited_at, 'missingEvents', audits.missing_events,
            'findings', ${run === null ? sql`'[]'::jsonb` : sql`audits.findings`}
          ) order by audits.rules_version desc)
          from audits where audits.attempt_id = attempts.id
        ), '[]'::jsonb) as audits
      from runs
      join cells on cells.id = runs.cell_id
      join attempts on attempts.run_id = runs.id
      where runs.sweep_id = ${sweep.id} ${
        run === null
          ? sql`and attempts.id = runs.accepted_attempt_id and (
              select class from audits where audits.attempt_id = attempts.id
              order by rules_version desc limit 1
            ) in ('attempted', 'reached')`
          : sql`and runs.id = ${run.run_id}::bigint`
      }
      order by runs.id, attempts.number`,
  );
  return rows.map((row) => ({
    ...row,
    audits: row.audits.map(({ auditedAt, findings, ...audit }) => ({
      ...audit,
      auditedAt: timestampFromDate(new Date(auditedAt)),
      findings: findings.map(({ class: findingClass, ...finding }) => ({
        findingClass,
        ...finding,
      })),
    })),
  }));
}

function ofRun(run: Target["run"]) {
  return run === null ? sql`` : sql`and run_id = ${run.run_id}::bigint`;
}
