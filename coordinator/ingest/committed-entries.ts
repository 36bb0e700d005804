import { and, inArray, isNotNull, sql } from "drizzle-orm";
import { isIdentifier } from "../../proto/identifiers.ts";
import type { Queries } from "../store/database.ts";
import { attempts } from "../store/schema.ts";
import { rejectedMessages, traceChunks } from "../store/trace-tables.ts";

/** Which of a node's outbox entries rest in Postgres, stored or rejected, so that the node may drop them. */
export async function committedEntries(
  queries: Queries,
  entryIds: readonly string[],
): Promise<string[]> {
  if (entryIds.length === 0) return [];
  const attemptIds = [
    ...new Set(entryIds.map((id) => id.split("/")[0] ?? "").filter(isIdentifier)),
  ];
  const [chunks, results, rejected] = await Promise.all([
    attemptIds.length === 0
      ? []
      : queries
          .select({
            entryId: sql<string>`${traceChunks.attemptId} || '/trace/' || ${traceChunks.firstSequence}`,
          })
          .from(traceChunks)
          .where(inArray(traceChunks.attemptId, attemptIds)),
    attemptIds.length === 0
      ? []
      : queries
          .select({ entryId: sql<string>`${attempts.id} || '/result'` })
          .from(attempts)
          .where(and(inArray(attempts.id, attemptIds), isNotNull(attempts.resultAt))),
    queries
      .select({ entryId: rejectedMessages.entryId })
      .from(rejectedMessages)
      .where(inArray(rejectedMessages.entryId, [...entryIds])),
  ]);
  const committed = new Set([...chunks, ...results, ...rejected].map(({ entryId }) => entryId));
  return entryIds.filter((id) => committed.has(id));
}
