import { asc, eq } from "drizzle-orm";
import type { TraceEvent } from "../../proto/trace-event.ts";
import type { Executor } from "../store/rows.ts";
import { traceChunks } from "../store/trace-tables.ts";
import { ChunkContentError, readEventLine, unpackLines } from "../trace/chunk.ts";

/** A stored trace, to be read once, from its beginning. */
export interface StoredEvents {
  /** Unpacked a chunk at a time, so that only the packed trace is in memory as a whole. */
  readonly events: Iterable<TraceEvent>;
  /** Events that chunks were found to hold so far; those that cannot be read do not count. */
  readonly count: () => number;
  /** How many events the chunks say they hold. */
  readonly storedEvents: number;
}

/** Reads all chunks in one statement: they may be put together at any moment. */
export async function storedEvents(executor: Executor, attemptId: string): Promise<StoredEvents> {
  const chunks = await executor
    .select({
      codec: traceChunks.codec,
      events: traceChunks.events,
      eventCount: traceChunks.eventCount,
    })
    .from(traceChunks)
    .where(eq(traceChunks.attemptId, attemptId))
    .orderBy(asc(traceChunks.firstSequence));
  let count = 0;
  function* read(): Generator<TraceEvent, void, undefined> {
    for (const { codec, events } of chunks) {
      for (const event of readable(codec, events)) {
        count += 1;
        yield event;
      }
    }
  }
  return {
    events: read(),
    count: () => count,
    storedEvents: chunks.reduce((sum, { eventCount }) => sum + eventCount, 0),
  };
}

/** A chunk that cannot be read is passed over: what else there is can still be judged. */
function readable(codec: (typeof traceChunks.$inferSelect)["codec"], packed: Buffer): TraceEvent[] {
  try {
    return unpackLines(codec, packed).map(readEventLine);
  } catch (error) {
    if (error instanceof ChunkContentError) return [];
    throw error;
  }
}
