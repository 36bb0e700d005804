import { eq, sql } from "drizzle-orm";
import type { AuditClass } from "../audit/finding.ts";
import type { Database } from "../store/database.ts";
import { attempts, cells, runs, tasks } from "../store/schema.ts";
import { storableText } from "../store/storable-text.ts";
import { audits } from "../store/verdict-tables.ts";
import { filesOfBundle } from "../task-bundle.ts";
import type { Auditor } from "./auditor.ts";
import { storedEvents } from "./stored-events.ts";

/** Audits an attempt and stores what was found; answers its class. */
export type AuditAttempt = (attemptId: string) => Promise<AuditClass>;

/** Instructions kept unpacked; attempts at the same tasks follow one another. */
const maxInstructions = 64;

/**
 * Judges stored traces. An audit replaces that by the same version of the rules and leaves those by
 * others; done twice, it leaves the same behind.
 */
export function auditsOf(database: Database, auditor: Auditor): AuditAttempt {
  const instructions = new Map<number, string>();

  return async (attemptId) => {
    const [attempt] = await database.queries
      .select({
        taskId: cells.taskId,
        harness: cells.harness,
        resultAt: attempts.resultAt,
        traceEvents: attempts.traceEvents,
      })
      .from(attempts)
      .innerJoin(runs, eq(runs.id, attempts.runId))
      .innerJoin(cells, eq(cells.id, runs.cellId))
      .where(eq(attempts.id, attemptId));
    if (attempt === undefined) throw new Error(`there is no attempt ${attemptId}`);
    const instruction = await instructionOf(attempt.taskId);
    const trace = await storedEvents(database.queries, attemptId);
    const report = auditor.audit(trace.events, { instruction, harness: attempt.harness });
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

  async function instructionOf(taskId: number): Promise<string> {
    const known = instructions.get(taskId);
    if (known !== undefined) return known;
    const [row] = await database.queries
      .select({ publicBundle: tasks.publicBundle })
      .from(tasks)
      .where(eq(tasks.id, taskId));
    if (row === undefined) throw new Error(`there is no task ${taskId}`);
    const files = await filesOfBundle(row.publicBundle);
    const instruction = files.get("instruction.md")?.toString("utf8") ?? "";
    if (instructions.size >= maxInstructions) instructions.clear();
    instructions.set(taskId, instruction);
    return instruction;
  }
}
