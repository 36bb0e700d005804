import {
  bigint,
  doublePrecision,
  integer,
  pgTable,
  primaryKey,
  text,
  uuid,
} from "drizzle-orm/pg-core";
import { attempts, bytea, moment } from "./schema.ts";

/** What nodes and graders reported, kept as it came. What counts of it is in `schema.ts`. */

/** The trace of an attempt in compressed chunks of consecutive events. */
export const traceChunks = pgTable(
  "trace_chunks",
  {
    attemptId: uuid("attempt_id")
      .notNull()
      .references(() => attempts.id),
    firstSequence: integer("first_sequence").notNull(),
    eventCount: integer("event_count").notNull(),
    codec: text("codec").$type<"jsonl-gzip">().notNull(),
    events: bytea("events").notNull(),
    storedAt: moment("stored_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.attemptId, table.firstSequence] })],
);

/** Model calls of an attempt, taken out of its trace for questions in SQL. */
export const modelCalls = pgTable(
  "model_calls",
  {
    attemptId: uuid("attempt_id")
      .notNull()
      .references(() => attempts.id),
    sequence: integer("sequence").notNull(),
    route: text("route").notNull(),
    status: integer("status").notNull(),
    durationMs: doublePrecision("duration_ms").notNull(),
    firstByteMs: doublePrecision("first_byte_ms"),
    inputTokens: integer("input_tokens").notNull(),
    cachedTokens: integer("cached_tokens").notNull(),
    outputTokens: integer("output_tokens").notNull(),
    requestBytes: integer("request_bytes").notNull(),
    responseBytes: integer("response_bytes").notNull(),
    seed: bigint("seed", { mode: "number" }),
  },
  (table) => [primaryKey({ columns: [table.attemptId, table.sequence] })],
);

/** Messages that could not be understood: kept, so that nothing disappears, and never counted. */
export const rejectedMessages = pgTable("rejected_messages", {
  id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
  /** The message id under which it was published; repeated deliveries are one row. */
  entryId: text("entry_id").notNull().unique(),
  subject: text("subject").notNull(),
  reason: text("reason").notNull(),
  payload: bytea("payload").notNull(),
  rejectedAt: moment("rejected_at").notNull().defaultNow(),
});
