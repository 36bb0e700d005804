import { eq, inArray } from "drizzle-orm";
import type { TraceChunk } from "../../proto/gen/sweep/v1/event_pb.ts";
import type { Transaction } from "../store/database.ts";
import { attempts, nodes } from "../store/schema.ts";
import { modelCalls, traceChunks } from "../store/trace-tables.ts";
import { modelCallsOf } from "./model-calls.ts";

/** A message whose sender or content the ledger does not know; it is kept as rejected. */
export class RejectedEventError extends Error {
  override readonly name = "RejectedEventError";
}

/**
 * Stores chunks with their model calls; chunks that are there already change nothing. A trace is
 * kept whatever became of its attempt's lease: it says what happened, not what counts.
 * @throws RejectedEventError if an attempt is unknown or was granted to another node.
 * @throws ChunkContentError if a chunk does not hold what its header says.
 */
export async function storeTrace(
  transaction: Transaction,
  received: readonly { readonly sender: string; readonly chunk: TraceChunk }[],
): Promise<void> {
  if (received.length === 0) return;
  const owners = await transaction
    .select({ attemptId: attempts.id, nodeName: nodes.name })
    .from(attempts)
    .innerJoin(nodes, eq(nodes.id, attempts.nodeId))
    .where(inArray(attempts.id, [...new Set(received.map(({ chunk }) => chunk.attemptId))]));
  const ownerOf = new Map(owners.map((owner) => [owner.attemptId, owner.nodeName]));
  for (const { sender, chunk } of received) {
    if (ownerOf.get(chunk.attemptId) !== sender) {
      throw new RejectedEventError(`node ${sender} has no attempt ${chunk.attemptId}`);
    }
  }
  const calls = received.flatMap(({ chunk }) =>
    modelCallsOf(chunk).map((call) => ({ ...call, attemptId: chunk.attemptId })),
  );
  await transaction
    .insert(traceChunks)
    .values(
      received.map(({ chunk }) => ({
        attemptId: chunk.attemptId,
        firstSequence: chunk.firstSequence,
        eventCount: chunk.eventCount,
        codec: "jsonl-gzip" as const,
        events: Buffer.from(chunk.events),
      })),
    )
    .onConflictDoNothing();
  if (calls.length > 0) await transaction.insert(modelCalls).values(calls).onConflictDoNothing();
}
