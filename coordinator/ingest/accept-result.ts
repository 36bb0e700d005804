import { randomUUID } from "node:crypto";
import { toJson } from "@bufbuild/protobuf";
import { and, eq, sql } from "drizzle-orm";
import type { AttemptResult } from "../../proto/gen/sweep/v1/event_pb.ts";
import { AttemptOutcome, ProvenanceSchema } from "../../proto/gen/sweep/v1/run_pb.ts";
import {
  endAttempt,
  judgeUnderLock,
  type LockedRun,
  lockRunOfAttempt,
  moveRun,
  retryOrGiveUp,
} from "../leases/locked-run.ts";
import type { Transaction } from "../store/database.ts";
import { attempts, cells, leases, nodes, runs, workspaces } from "../store/schema.ts";
import { storableText } from "../store/storable-text.ts";
import { grades } from "../store/verdict-tables.ts";
import { RejectedEventError } from "./store-trace.ts";

/** What became of a result. */
export type ResultFate = "accepted" | "retried" | "superseded" | "duplicate";

/**
 * Stores an attempt's result and moves its run, if the attempt still holds the run's lease; the
 * result of a fenced attempt is kept as superseded and moves nothing.
 * @param archive the final workspace, null if the result names none or it is stored already.
 * @throws RejectedEventError if the attempt is unknown or was granted to another node.
 */
export async function acceptResult(
  transaction: Transaction,
  sender: string,
  result: AttemptResult,
  archive: Buffer | null,
): Promise<ResultFate> {
  const run = await lockRunOfAttempt(transaction, result.attemptId);
  const [attempt] = await transaction
    .select({ nodeId: attempts.nodeId, epoch: attempts.epoch, resultAt: attempts.resultAt })
    .from(attempts)
    .innerJoin(nodes, eq(nodes.id, attempts.nodeId))
    .where(and(eq(attempts.id, result.attemptId), eq(nodes.name, sender)));
  if (run === undefined || attempt === undefined) {
    throw new RejectedEventError(`node ${sender} has no attempt ${result.attemptId}`);
  }
  if (attempt.resultAt !== null) return "duplicate";
  await storeResult(transaction, result, archive);
  const verdict = await judgeUnderLock(transaction, {
    attemptId: result.attemptId,
    nodeId: attempt.nodeId,
    epoch: result.epoch,
  });
  if (verdict.kind === "fenced") {
    await supersede(transaction, run, result.attemptId, verdict.reason);
    return "superseded";
  }
  return settle(transaction, run, result);
}

async function storeResult(
  transaction: Transaction,
  result: AttemptResult,
  archive: Buffer | null,
): Promise<void> {
  if (result.workspace !== undefined && archive !== null) {
    await transaction
      .insert(workspaces)
      .values({ digest: result.workspace.digest, archive })
      .onConflictDoNothing();
  }
  await transaction
    .update(attempts)
    .set({
      resultAt: sql`now()`,
      agentSeconds: result.agentSeconds,
      exitCode: result.exitCode ?? null,
      exitSignal: result.exitSignal === "" ? null : result.exitSignal,
      modelCalls: result.usage?.modelCalls ?? 0,
      sideCalls: result.usage?.sideCalls ?? 0,
      inputTokens: Number(result.usage?.inputTokens ?? 0n),
      cachedTokens: Number(result.usage?.cachedTokens ?? 0n),
      outputTokens: Number(result.usage?.outputTokens ?? 0n),
      traceEvents: result.traceEvents,
      workspaceDigest: result.workspace?.digest ?? null,
      workspaceOmissions: result.workspaceOmissions.map(storableText),
      provenance:
        result.provenance === undefined ? null : toJson(ProvenanceSchema, result.provenance),
    })
    .where(eq(attempts.id, result.attemptId));
}

async function supersede(
  transaction: Transaction,
  run: LockedRun,
  attemptId: string,
  reason: string,
): Promise<void> {
  await transaction.update(attempts).set({ superseded: true }).where(eq(attempts.id, attemptId));
  const [unswept] = await transaction.select().from(leases).where(eq(leases.attemptId, attemptId));
  if (unswept === undefined) return;
  // The lease ran out, but nobody has taken it back yet.
  await endAttempt(transaction, attemptId, "lost", reason);
  await retryOrGiveUp(transaction, run, reason);
}

async function settle(
  transaction: Transaction,
  run: LockedRun,
  result: AttemptResult,
): Promise<ResultFate> {
  const reason = storableText(result.reason);
  switch (result.outcome) {
    case AttemptOutcome.COMPLETED: {
      if (result.workspace === undefined) {
        return retry(transaction, run, result, "the node sent no workspace to grade");
      }
      await endAttempt(transaction, result.attemptId, "completed", reason);
      await accept(transaction, run, result.attemptId);
      await moveRun(transaction, run, "completed");
      await queueGrade(transaction, run, result.attemptId);
      return "accepted";
    }
    case AttemptOutcome.TIMEOUT:
    case AttemptOutcome.AGENT_ERROR: {
      const ending = result.outcome === AttemptOutcome.TIMEOUT ? "timeout" : "agent_error";
      await endAttempt(transaction, result.attemptId, ending, reason);
      await accept(transaction, run, result.attemptId);
      await moveRun(transaction, run, "failed", reason);
      return "accepted";
    }
    case AttemptOutcome.CANCELLED: {
      await endAttempt(transaction, result.attemptId, "cancelled", reason);
      await moveRun(transaction, run, "retried", reason);
      return "retried";
    }
    case AttemptOutcome.INFRA_ERROR:
      return retry(transaction, run, result, reason);
    case AttemptOutcome.UNSPECIFIED:
    default:
      return retry(transaction, run, result, "the node named no outcome");
  }
}

async function retry(
  transaction: Transaction,
  run: LockedRun,
  result: AttemptResult,
  reason: string,
): Promise<ResultFate> {
  await endAttempt(transaction, result.attemptId, "infra_error", reason);
  await retryOrGiveUp(transaction, run, reason);
  return "retried";
}

async function accept(transaction: Transaction, run: LockedRun, attemptId: string): Promise<void> {
  await transaction.update(runs).set({ acceptedAttemptId: attemptId }).where(eq(runs.id, run.id));
}

async function queueGrade(
  transaction: Transaction,
  run: LockedRun,
  attemptId: string,
): Promise<void> {
  const [cell] = await transaction
    .select({ taskId: cells.taskId })
    .from(runs)
    .innerJoin(cells, eq(cells.id, runs.cellId))
    .where(eq(runs.id, run.id));
  if (cell === undefined) throw new Error(`run ${run.id} has no cell`);
  await transaction
    .insert(grades)
    .values({ id: randomUUID(), attemptId, taskId: cell.taskId, number: 1 });
}
