import { fromJson, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { count, eq, inArray, sum } from "drizzle-orm";
import { z } from "zod";
import type {
  AttemptDetailSchema,
  GetRunResponseSchema,
} from "../../proto/gen/sweep/v1/operator_pb.ts";
import { ProvenanceSchema } from "../../proto/gen/sweep/v1/run_pb.ts";
import type { AuditClass } from "../audit/finding.ts";
import type { Queries } from "../store/database.ts";
import { attempts, nodes, tasks } from "../store/schema.ts";
import { traceChunks } from "../store/trace-tables.ts";
import { audits, grades } from "../store/verdict-tables.ts";
import { findRun, runRowMessage } from "./runs.ts";

type AttemptDetail = MessageInitShape<typeof AttemptDetailSchema>;

/**
 * A run with all its attempts, their grades and their provenance.
 * @throws NotFoundError
 */
export async function readRunDetail(
  queries: Queries,
  runId: string,
): Promise<MessageInitShape<typeof GetRunResponseSchema>> {
  const run = await findRun(queries, runId);
  const rows = await queries
    .select({ attempt: attempts, nodeName: nodes.name })
    .from(attempts)
    .innerJoin(nodes, eq(nodes.id, attempts.nodeId))
    .where(eq(attempts.runId, Number(run.run_id)))
    .orderBy(attempts.number);
  const attemptIds = rows.map(({ attempt }) => attempt.id);
  const [traces, graded, classes] = await Promise.all([
    readTraceSizes(queries, attemptIds),
    attemptIds.length === 0
      ? []
      : queries
          .select({ grade: grades, hiddenDigest: tasks.hiddenDigest })
          .from(grades)
          .innerJoin(tasks, eq(tasks.id, grades.taskId))
          .where(inArray(grades.attemptId, attemptIds))
          .orderBy(grades.number),
    readAuditClasses(queries, attemptIds),
  ]);
  return {
    run: runRowMessage(run),
    sweepName: run.sweep,
    taskPublicDigest: run.task_public_digest,
    taskHiddenDigest: run.task_hidden_digest,
    attempts: rows.map(
      ({ attempt, nodeName }): AttemptDetail => ({
        attemptId: attempt.id,
        number: attempt.number,
        epoch: attempt.epoch,
        nodeName,
        outcome: attempt.ending ?? "",
        reason: attempt.reason,
        accepted: attempt.id === run.attempt_id,
        superseded: attempt.superseded,
        grantedAt: timestampFromDate(attempt.grantedAt),
        ...(attempt.endedAt === null ? {} : { endedAt: timestampFromDate(attempt.endedAt) }),
        ...(attempt.agentSeconds === null ? {} : { agentSeconds: attempt.agentSeconds }),
        inputTokens: BigInt(attempt.inputTokens),
        outputTokens: BigInt(attempt.outputTokens),
        modelCalls: attempt.modelCalls,
        sideCalls: attempt.sideCalls,
        traceChunks: traces.get(attempt.id)?.chunks ?? 0,
        traceEvents: traces.get(attempt.id)?.events ?? 0,
        workspaceDigest: attempt.workspaceDigest ?? "",
        ...(attempt.provenance === null
          ? {}
          : {
              provenance: fromJson(ProvenanceSchema, z.json().parse(attempt.provenance), {
                ignoreUnknownFields: true,
              }),
            }),
        setAsideReason: attempt.setAsideReason,
        audit: classes.get(attempt.id) ?? "",
        grades: graded
          .filter(({ grade }) => grade.attemptId === attempt.id)
          .map(({ grade, hiddenDigest }) => ({
            gradeId: grade.id,
            outcome: grade.state,
            reason: grade.reason,
            seconds: grade.seconds ?? 0,
            graderName: grade.graderName,
            graderVersion: grade.graderVersion,
            sandbox: grade.sandbox,
            toolchains: grade.toolchains,
            checks: grade.checks.map((check) => ({ ...check })),
            output: grade.output,
            taskHiddenDigest: hiddenDigest,
            counts: grade.id === run.grade_id,
            regrade: grade.regradeId !== null,
          })),
      }),
    ),
  };
}

/** The class of each audited attempt by the newest rules. */
async function readAuditClasses(
  queries: Queries,
  attemptIds: readonly string[],
): Promise<Map<string, AuditClass>> {
  if (attemptIds.length === 0) return new Map();
  const rows = await queries
    .select({ attemptId: audits.attemptId, class: audits.class })
    .from(audits)
    .where(inArray(audits.attemptId, [...attemptIds]))
    .orderBy(audits.rulesVersion);
  // Of several, the last is kept.
  return new Map(rows.map((row) => [row.attemptId, row.class]));
}

async function readTraceSizes(
  queries: Queries,
  attemptIds: readonly string[],
): Promise<Map<string, { chunks: number; events: number }>> {
  if (attemptIds.length === 0) return new Map();
  const rows = await queries
    .select({
      attemptId: traceChunks.attemptId,
      chunks: count(),
      events: sum(traceChunks.eventCount).mapWith(Number),
    })
    .from(traceChunks)
    .where(inArray(traceChunks.attemptId, [...attemptIds]))
    .groupBy(traceChunks.attemptId);
  return new Map(
    rows.map(({ attemptId, chunks, events }) => [attemptId, { chunks, events: events ?? 0 }]),
  );
}
