/**
 * How far each entry of the outbox has come, and what is to be done next.
 *
 *   pending -> publishing -> published -> gone (the coordinator reported it committed)
 *      ^           |             |
 *      +--(failed)-+             +--(asked about, not reported for long)--> pending
 *
 * JetStream's acknowledgement does not survive a power cut of its server, and the report of a commit
 * may be lost with the session that carried it. So an entry that stays unreported is asked about, and
 * published again, under the same message id, when the coordinator stays silent on it.
 *
 * All times are milliseconds of one monotonic clock.
 */

/** See the diagram above. */
export type Delivery = {
  /** How often this entry was published; each time more patience follows. */
  readonly times: number;
} & (
  | { readonly phase: "pending" }
  | { readonly phase: "publishing" }
  | {
      readonly phase: "published";
      readonly publishedAtMs: number;
      readonly askedAtMs: number | null;
    }
);

/** One entry as the decisions below see it. Order is the order of appending. */
export interface Tracked {
  readonly id: string;
  readonly attemptId: string;
  readonly delivery: Delivery;
}

/** An entry that is committed within this time is never asked about. */
export const askAfterMs = 10_000;
/** Patience between a question and publishing again; doubles each time, up to {@link maxPatienceMs}. */
const patienceMs = 20_000;
/** The coordinator's ingest may be down for hours; copies of what waits there help nobody. */
const maxPatienceMs = 3_600_000;

/**
 * Ids to publish now, at most `limit` with those under way. Of one attempt only one entry travels at
 * a time, so that its trace and then its result arrive in order even if a publish fails between.
 */
export function dueForPublish(entries: Iterable<Tracked>, limit: number): string[] {
  const due: string[] = [];
  const waiting = new Set<string>();
  let under = 0;
  for (const { id, attemptId, delivery } of entries) {
    if (delivery.phase === "published" || waiting.has(attemptId)) continue;
    waiting.add(attemptId);
    if (delivery.phase === "publishing") under += 1;
    else due.push(id);
  }
  return due.slice(0, Math.max(0, limit - under));
}

/** Ids to ask the coordinator about now, at most `limit`. */
export function dueForQuestion(entries: Iterable<Tracked>, nowMs: number, limit: number): string[] {
  const due: string[] = [];
  for (const { id, delivery } of entries) {
    if (due.length === limit) break;
    if (delivery.phase !== "published" || delivery.askedAtMs !== null) continue;
    if (nowMs >= delivery.publishedAtMs + askAfterMs) due.push(id);
  }
  return due;
}

/** Ids that were asked about in vain and go back to pending. */
export function dueForRepeat(entries: Iterable<Tracked>, nowMs: number): string[] {
  const due: string[] = [];
  for (const { id, delivery } of entries) {
    const at = repeatAtMs(delivery);
    if (at !== null && nowMs >= at) due.push(id);
  }
  return due;
}

/** When one of the questions or repeats falls due next, null if nothing waits for time alone. */
export function nextDueMs(entries: Iterable<Tracked>, canAsk: boolean): number | null {
  let next: number | null = null;
  for (const { delivery } of entries) {
    if (delivery.phase !== "published") continue;
    const askAt =
      delivery.askedAtMs === null && canAsk ? delivery.publishedAtMs + askAfterMs : null;
    const at = repeatAtMs(delivery) ?? askAt;
    if (at !== null && (next === null || at < next)) next = at;
  }
  return next;
}

function repeatAtMs(delivery: Delivery): number | null {
  if (delivery.phase !== "published" || delivery.askedAtMs === null) return null;
  return delivery.askedAtMs + Math.min(maxPatienceMs, patienceMs * 2 ** (delivery.times - 1));
}
