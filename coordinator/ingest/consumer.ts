import type { ConsumerMessages, JsMsg, NatsConnection } from "nats";
import pRetry from "p-retry";
import type { Logger } from "../../proto/log.ts";
import { eventStream, ingestConsumer } from "../../proto/subjects.ts";
import type { Database } from "../store/database.ts";
import { decodeEvent } from "./event.ts";
import { type Received, type Stored, storeBatch } from "./store-batch.ts";
import { workspaceArchives } from "./workspace-archive.ts";

/** Messages of one transaction at most; as many again wait in memory meanwhile. */
const maxBatch = 256;
/** How long one request for messages stays open. */
const pullMs = 5_000;
/** Before a message that cannot be taken in yet is delivered again. */
const deferralMs = 2_000;

/**
 * Takes events from JetStream into Postgres until `signal` aborts. A message is acknowledged only
 * after the commit that holds it; whatever is delivered twice is recognised by its key.
 */
export async function ingestEvents(options: {
  readonly connection: NatsConnection;
  readonly database: Database;
  /** Called after each commit with what was stored, in order. */
  readonly onStored: (stored: readonly Stored[]) => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
}): Promise<void> {
  const { connection, database, onStored, signal, log } = options;
  const archives = workspaceArchives(connection, database, { signal, log });
  const consumer = await connection.jetstream().consumers.get(eventStream, ingestConsumer);

  // Whatever arrived while a batch was committed makes the next one: batches grow with the load.
  const waiting: JsMsg[] = [];
  let ended = signal.aborted;
  let wake: () => void = () => undefined;
  let pulled: ConsumerMessages | undefined;
  const end = (): void => {
    ended = true;
    void pulled?.close();
    wake();
  };
  signal.addEventListener("abort", end, { once: true });
  const halves = await Promise.allSettled([receiveAll().finally(end), commitAll().finally(end)]);
  signal.removeEventListener("abort", end);
  for (const half of halves) if (half.status === "rejected") throw half.reason;

  /** Asks for no more than there is room for: the server sends again what stays unacknowledged. */
  async function receiveAll(): Promise<void> {
    while (!ended) {
      const room = maxBatch - waiting.length;
      if (room === 0) {
        await woken();
        continue;
      }
      pulled = await consumer.fetch({ max_messages: room, expires: pullMs });
      for await (const message of pulled) {
        waiting.push(message);
        wake();
      }
    }
  }

  async function commitAll(): Promise<void> {
    while (!ended) {
      const batch = waiting.splice(0);
      wake();
      if (batch.length > 0) await commit(batch);
      else await woken();
    }
  }

  /** For the one of the two that waits for the other. */
  function woken(): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
    });
  }

  async function commit(messages: readonly JsMsg[]): Promise<void> {
    const batch: Received[] = [];
    const taken: JsMsg[] = [];
    for (const message of messages) {
      const received = await receive(message);
      if (received === undefined) {
        message.nak(deferralMs);
      } else {
        batch.push(received);
        taken.push(message);
      }
    }
    if (batch.length === 0) return;
    const stored = await storeUntilStopped(batch);
    for (const message of taken) message.ack();
    onStored(stored);
    for (const { received } of stored) {
      const { event } = received;
      if (event.kind === "result") await archives.discard(event.sender, event.result);
    }
  }

  /** Undefined if the message cannot be taken in now and must come again. */
  async function receive(message: JsMsg): Promise<Received | undefined> {
    const event = decodeEvent(message.subject, message.data);
    const entryId = message.headers?.get("Nats-Msg-Id") || `${eventStream}/${message.seq}`;
    const base = { entryId, subject: message.subject, payload: message.data, archive: null, event };
    if (event.kind !== "result") return base;
    try {
      const archive = await archives.fetch(event.sender, event.result);
      switch (archive.kind) {
        case "found":
          return { ...base, archive: archive.bytes };
        case "nothing":
          return base;
        case "bad":
          return { ...base, event: { kind: "malformed", reason: archive.reason } };
        case "missing":
          log.warn({ attemptId: event.result.attemptId }, "a result waits for its workspace");
          return undefined;
      }
    } catch (error) {
      log.warn(
        { err: error, attemptId: event.result.attemptId },
        "a workspace could not be fetched",
      );
      return undefined;
    }
  }

  /** Rejects only when stopped: the messages are then delivered again to the next coordinator. */
  function storeUntilStopped(batch: readonly Received[]): Promise<Stored[]> {
    return pRetry(() => storeBatch(database, batch, log), {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 200,
      maxTimeout: 5_000,
      signal,
      onFailedAttempt: ({ error }) =>
        log.warn({ err: error }, "the database is away, ingest waits"),
    });
  }
}
