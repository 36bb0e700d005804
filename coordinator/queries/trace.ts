import { gunzipSync } from "node:zlib";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { and, asc, desc, eq, gt } from "drizzle-orm";
import type { ReadTraceResponseSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import type { Queries } from "../store/database.ts";
import { attempts } from "../store/schema.ts";
import { traceChunks } from "../store/trace-tables.ts";
import { NotFoundError } from "./errors.ts";
import { findRun } from "./runs.ts";

/** Chunks read at a time, so that a long trace is never in memory as a whole. */
const chunksPerRead = 20;

/**
 * The chunks of one attempt's trace in order: of the attempt named, else of the run's accepted
 * attempt, else of its latest.
 * @throws NotFoundError if there is no such run or attempt.
 */
export async function* readTrace(
  queries: Queries,
  runId: string,
  attemptId: string,
): AsyncGenerator<MessageInitShape<typeof ReadTraceResponseSchema>, void, undefined> {
  const chosen = await chooseAttempt(queries, runId, attemptId);
  for (let after = -1; ; ) {
    const chunks = await queries
      .select()
      .from(traceChunks)
      .where(and(eq(traceChunks.attemptId, chosen), gt(traceChunks.firstSequence, after)))
      .orderBy(asc(traceChunks.firstSequence))
      .limit(chunksPerRead);
    for (const chunk of chunks) {
      after = chunk.firstSequence;
      yield {
        attemptId: chosen,
        firstSequence: chunk.firstSequence,
        events: new Uint8Array(gunzipSync(chunk.events)),
      };
    }
    if (chunks.length < chunksPerRead) return;
  }
}

async function chooseAttempt(queries: Queries, runId: string, attemptId: string): Promise<string> {
  const run = await findRun(queries, runId);
  if (attemptId === "" && run.attempt_id !== null) return run.attempt_id;
  const rows = await queries
    .select({ id: attempts.id })
    .from(attempts)
    .where(eq(attempts.runId, Number(run.run_id)))
    .orderBy(desc(attempts.number));
  const chosen = attemptId === "" ? rows[0] : rows.find(({ id }) => id === attemptId);
  if (chosen === undefined) {
    throw new NotFoundError(
      attemptId === ""
        ? `run ${runId} has had no attempt yet`
        : `run ${runId} has no attempt "${attemptId}"; \`sweep show ${runId}\` lists them`,
    );
  }
  return chosen.id;
}
