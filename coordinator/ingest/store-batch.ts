import { sql } from "drizzle-orm";
import type { Logger } from "../../proto/log.ts";
import { type Database, isDatabaseAway, type Transaction } from "../store/database.ts";
import { storableText } from "../store/storable-text.ts";
import { rejectedMessages } from "../store/trace-tables.ts";
import { acceptResult, type ResultFate } from "./accept-result.ts";
import { applyVerdict, type VerdictFate } from "./apply-verdict.ts";
import type { IngestEvent } from "./event.ts";
import { storeTrace } from "./store-trace.ts";

/** A message with what it was decoded to, ready to be stored. */
export interface Received {
  readonly entryId: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly event: IngestEvent;
  /** The workspace that a result names, where it is not stored yet. */
  readonly archive: Buffer | null;
}

/** What became of a message; all of them are committed when this is answered. */
export interface Stored {
  readonly received: Received;
  readonly fate: "stored" | "rejected" | ResultFate | VerdictFate;
}

/**
 * Commits a batch in one transaction. If one message spoils it, each is committed alone, and those
 * that fail alone are kept as rejected, so that no message blocks the ones behind it.
 * @throws if the database is away; nothing is committed then that a repetition would double.
 */
export async function storeBatch(
  database: Database,
  batch: readonly Received[],
  log: Logger,
): Promise<Stored[]> {
  try {
    return await database.transact((transaction) => storeAll(transaction, batch));
  } catch (error) {
    if (isDatabaseAway(error)) throw error;
    const [only] = batch;
    if (only !== undefined && batch.length === 1) return [await reject(database, only, error, log)];
    const stored: Stored[] = [];
    for (const received of batch) stored.push(...(await storeBatch(database, [received], log)));
    return stored;
  }
}

async function storeAll(transaction: Transaction, batch: readonly Received[]): Promise<Stored[]> {
  const traces = batch.flatMap(({ event }) => (event.kind === "trace" ? [event] : []));
  await storeTrace(transaction, traces);
  const stored: Stored[] = [];
  for (const received of batch)
    stored.push({ received, fate: await storeOne(transaction, received) });
  return stored;
}

async function storeOne(transaction: Transaction, received: Received): Promise<Stored["fate"]> {
  const { event } = received;
  switch (event.kind) {
    case "trace":
      return "stored";
    case "result":
      return acceptResult(transaction, event.sender, event.result, received.archive);
    case "verdict":
      return applyVerdict(transaction, event.sender, event.verdict);
    case "malformed":
      await keepRejected(transaction, received, event.reason);
      return "rejected";
  }
}

async function reject(
  database: Database,
  received: Received,
  error: unknown,
  log: Logger,
): Promise<Stored> {
  const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  log.error(
    { err: error, entryId: received.entryId, subject: received.subject },
    "message rejected",
  );
  await database.transact((transaction) => keepRejected(transaction, received, reason));
  return { received, fate: "rejected" };
}

async function keepRejected(
  transaction: Transaction,
  received: Received,
  reason: string,
): Promise<void> {
  await transaction
    .insert(rejectedMessages)
    .values({
      entryId: storableText(received.entryId),
      subject: storableText(received.subject),
      reason: storableText(reason),
      payload: Buffer.from(received.payload),
    })
    .onConflictDoUpdate({ target: rejectedMessages.entryId, set: { rejectedAt: sql`now()` } });
}
