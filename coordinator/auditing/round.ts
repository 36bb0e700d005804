import { sql } from "drizzle-orm";
import { z } from "zod";
import type { Logger } from "../../proto/log.ts";
import { type Database, isDatabaseAway } from "../store/database.ts";
import { selectRows } from "../store/rows.ts";
import type { AuditAttempt } from "./audit-attempt.ts";

/** Attempts of one round; the next follows at once while there are more. */
const perRound = 50;
/**
 * How long what is missing of an attempt's trace is waited for, once it has ended and nothing of it
 * has come: as long as the lease of an attempt that has finished waits for its result. Then it is
 * audited as it is, which the audit says, and again if something comes after all.
 */
const lateSeconds = 10 * 60;

/**
 * Audits each attempt whose trace is whole, or will not become so. What is to do stands in the
 * database: the number of events that the last audit of an attempt has read. An attempt that was
 * audited once is audited again by other rules only if an operator asks for it, since that may
 * change results.
 */
export function auditRound(options: {
  readonly database: Database;
  readonly auditAttempt: AuditAttempt;
  /** Called after a round that audited something. */
  readonly onChange: () => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
}): () => Promise<void> {
  const { database, auditAttempt, onChange, signal, log } = options;
  /** Not tried again by this process: one that fails must not hold up the others. */
  const failed = new Set<string>();

  return async () => {
    let audited = 0;
    await passOverEmpty(database);
    for (;;) {
      const due = await dueAttempts(database, [...failed]);
      for (const attemptId of due) {
        if (signal.aborted) return;
        try {
          const found = await auditAttempt(attemptId);
          audited += 1;
          if (found === "reached") log.warn({ attemptId }, "an agent reached the grader");
        } catch (error) {
          if (isDatabaseAway(error)) throw error;
          failed.add(attemptId);
          log.error({ err: error, attemptId }, "an attempt could not be audited");
        }
      }
      if (due.length < perRound) break;
    }
    if (audited > 0) onChange();
  };
}

/** Nothing happened in an attempt that was refused or lost at its begin: there is nothing to audit. */
async function passOverEmpty(database: Database): Promise<void> {
  await database.queries.execute(sql`
    update attempts set audited_events = 0
    where ended_at < now() - make_interval(secs => ${lateSeconds})
      and audited_events is null and result_at is null
      and not exists (select from trace_chunks where trace_chunks.attempt_id = attempts.id)`);
}

async function dueAttempts(database: Database, without: readonly string[]): Promise<string[]> {
  const rows = await selectRows(
    database.queries,
    z.object({ id: z.string() }),
    sql`
      select attempts.id
      from attempts
      cross join lateral (
        select coalesce(sum(event_count), 0)::integer as events, max(stored_at) as newest
        from trace_chunks where trace_chunks.attempt_id = attempts.id
      ) as stored
      where ended_at is not null and (audited_events is null or audited_events < trace_events)
        and not (attempts.id = any(${uuids(without)}))
        and case
          when result_at is not null and stored.events >= trace_events then true
          when greatest(ended_at, result_at, stored.newest) > now() - make_interval(secs => ${lateSeconds})
            then false
          else stored.events > coalesce(audited_events, -1)
        end
      order by ended_at
      limit ${perRound}`,
  );
  return rows.map(({ id }) => id);
}

function uuids(ids: readonly string[]) {
  return sql`array[${sql.join(
    ids.map((id) => sql`${id}`),
    sql`, `,
  )}]::uuid[]`;
}
