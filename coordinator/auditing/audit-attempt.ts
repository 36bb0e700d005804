import { eq, sql } from "drizzle-orm";
import type { AuditClass } from "../audit/classify.ts";
import type { Database } from "../store/database.ts";
import { attempts, cells, runs, tasks } from "../store/schema.ts";
import { storableText } from "../store/storable-text.ts";
import { audits } from "../store/verdict-tables.ts";
import { filesOfBundle } from "../task-bundle.ts";
import type { AuditedTask, Auditor } from "./auditor.ts";
import { storedEvents } from "./stored-events.ts";

/** Audits an attempt and stores what was found; answers its class. */
export type AuditAttempt = (attemptId: string) => Promise<AuditClass>;

/** Tasks kept unpacked; attempts at the same ones follow one another. */
const maxTasks = 32;

/**
 * Judges stored traces. An audit replaces that by the same version of the rules and leaves those by
 * others; done twice, it leaves the same behind.
 */
export function auditsOf(database: Database, auditor: Auditor): AuditAttempt {
  const unpacked = new Map<number, AuditedTask>();

  return async (attemptId) => {
    const [attempt] = await database.queries
      .select({
        taskId: cells.taskId,
        resultAt: attempts.resultAt,
        traceEvents: attempts.traceEvents,
      })
      .from(attempts)
      .innerJoin(runs, eq(runs.id, attempts.runId))
      .innerJoin(cells, eq(cells.id, runs.cellId))
      .where(eq(attempts.id, attemptId));
    if (attempt === undefined) throw new Error(`there is no attempt ${attemptId}`);
    const task = await unpackedTask(attempt.taskId);
    const trace = await storedEvents(database.queries, attemptId);
    const report = auditor.audit(trace.events, task);
    // Only the result says how many there should be, save those that lie in a chunk nobody can read.
    const expected = Math.max(
      attempt.resultAt === null ? 0 : attempt.traceEvents,
      trace.storedEvents,
    );
    const found = {
      class: report.class,
      findings: report.findings.map((finding) => ({
        ...finding,
        quote: storableText(finding.quote),
      })),
      missingEvents: expected - trace.count(),
      auditedAt: sql`now()`,
    };
    await database.transact(async (transaction) => {
      await transaction
        .insert(audits)
        .values({ attemptId, rulesVersion: report.rulesVersion, ...found })
        .onConflictDoUpdate({ target: [audits.attemptId, audits.rulesVersion], set: found });
      await transaction
        .update(attempts)
        .set({ auditedEvents: trace.storedEvents })
        .where(eq(attempts.id, attemptId));
    });
    return report.class;
  };

  async function unpackedTask(taskId: number): Promise<AuditedTask> {
    const known = unpacked.get(taskId);
    if (known !== undefined) return known;
    const [row] = await database.queries
      .select({ publicBundle: tasks.publicBundle, hiddenBundle: tasks.hiddenBundle })
      .from(tasks)
      .where(eq(tasks.id, taskId));
    if (row === undefined) throw new Error(`there is no task ${taskId}`);
    const task = {
      publicFiles: await filesOfBundle(row.publicBundle),
      hiddenFiles: await filesOfBundle(row.hiddenBundle),
    };
    if (unpacked.size >= maxTasks) unpacked.clear();
    unpacked.set(taskId, task);
    return task;
  }
}
