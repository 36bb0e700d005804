import { gunzipSync } from "node:zlib";
import type { TraceChunk } from "../../proto/gen/sweep/v1/event_pb.ts";
import { type TraceEvent, traceEventSchema } from "../../proto/trace-event.ts";

/** A model call as it stands in a trace. */
export type ModelCall = Extract<TraceEvent, { kind: "model_call" }>;

/** Bound on one chunk's raw bytes; nodes cut far below it, so only a bomb is larger. */
const maxRawBytes = 16 * 1024 * 1024;

/** A chunk does not hold what its header says. */
export class ChunkContentError extends Error {
  override readonly name = "ChunkContentError";
}

/**
 * The model calls among a chunk's events, after checking that the chunk holds exactly the events
 * that its header states.
 * @throws ChunkContentError if it does not, or cannot be decompressed or read.
 */
export function modelCallsOf(chunk: TraceChunk): ModelCall[] {
  const lines = decompress(chunk)
    .split("\n")
    .filter((line) => line !== "");
  if (lines.length !== chunk.eventCount) {
    throw new ChunkContentError(
      `holds ${lines.length} events, its header says ${chunk.eventCount}`,
    );
  }
  return lines.flatMap((line, index) => {
    const event = readEvent(line);
    if (event.sequence !== chunk.firstSequence + index) {
      throw new ChunkContentError(
        `event ${index} has sequence ${event.sequence}, expected is ${chunk.firstSequence + index}`,
      );
    }
    return event.kind === "model_call" ? [event] : [];
  });
}

function decompress(chunk: TraceChunk): string {
  try {
    return gunzipSync(chunk.events, { maxOutputLength: maxRawBytes }).toString("utf8");
  } catch (cause) {
    throw new ChunkContentError("cannot be decompressed", { cause });
  }
}

function readEvent(line: string): TraceEvent {
  try {
    return traceEventSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new ChunkContentError("holds a line that is no trace event", { cause });
  }
}
