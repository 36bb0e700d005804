import type { MessageInitShape } from "@bufbuild/protobuf";
import { sql } from "drizzle-orm";
import { z } from "zod";
import type { AuditAgainResponseSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import type { Logger } from "../../proto/log.ts";
import { auditClasses } from "../audit/finding.ts";
import { findTarget } from "../queries/target.ts";
import { type Database, isDatabaseAway } from "../store/database.ts";
import { type Executor, selectRows } from "../store/rows.ts";
import type { AuditAttempt } from "./audit-attempt.ts";

/** Attempts between two messages about how far it is. */
const perMessage = 20;

/**
 * Audits every stored trace of a sweep, or of a run, with the present rules, and says at the end
 * whose class is another one now. Ends early when nobody listens any more; asked again, it begins anew.
 * @throws NotFoundError
 */
export async function* auditAgain(options: {
  readonly database: Database;
  readonly auditAttempt: AuditAttempt;
  readonly rulesVersion: number;
  readonly target: string;
  readonly signal: AbortSignal;
  readonly log: Logger;
}): AsyncGenerator<MessageInitShape<typeof AuditAgainResponseSchema>, void, undefined> {
  const { database, auditAttempt, rulesVersion, target, signal, log } = options;
  const attempts = await storedTraces(database.queries, target);
  const changes = [];
  let failed = 0;
  for (const [index, attempt] of attempts.entries()) {
    if (signal.aborted) return;
    if (index % perMessage === 0) yield { audited: index, total: attempts.length, rulesVersion };
    try {
      const classAfter = await auditAttempt(attempt.attemptId);
      if (classAfter !== attempt.classBefore) {
        changes.push({
          ...attempt,
          rulesVersionBefore: attempt.rulesVersionBefore ?? 0,
          classBefore: attempt.classBefore ?? "",
          classAfter,
        });
      }
    } catch (error) {
      if (isDatabaseAway(error)) throw error;
      failed += 1;
      const { attemptId } = attempt;
      log.error({ err: error, attemptId }, "an attempt could not be audited again");
    }
  }
  yield { audited: attempts.length, total: attempts.length, rulesVersion, changes, failed };
}

const attemptRow = z.object({
  runId: z.coerce.string(),
  attemptId: z.string(),
  accepted: z.boolean(),
  rulesVersionBefore: z.int().nullable(),
  classBefore: z.enum(auditClasses).nullable(),
});

/** The attempts that have ended and of which something is stored, each with its newest audit. */
async function storedTraces(executor: Executor, name: string) {
  const { sweep, run } = await findTarget(executor, name);
  return selectRows(
    executor,
    attemptRow,
    sql`
      select runs.id as "runId", attempts.id as "attemptId",
        coalesce(runs.accepted_attempt_id = attempts.id, false) as accepted,
        newest.rules_version as "rulesVersionBefore", newest.class as "classBefore"
      from runs
      join attempts on attempts.run_id = runs.id
      left join lateral (
        select rules_version, class from audits
        where audits.attempt_id = attempts.id order by rules_version desc limit 1
      ) as newest on true
      where runs.sweep_id = ${sweep.id} ${run === null ? sql`` : sql`and runs.id = ${run.run_id}::bigint`}
        and attempts.ended_at is not null
        and (attempts.result_at is not null
          or exists (select from trace_chunks where trace_chunks.attempt_id = attempts.id))
      order by runs.id, attempts.number`,
  );
}
