import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../proto/log.ts";
import {
  type Delivery,
  dueForPublish,
  dueForQuestion,
  dueForRepeat,
  nextDueMs,
  type Tracked,
} from "./delivery.ts";
import type { Outbox, OutboxEntry } from "./outbox.ts";

/** Hands one entry to NATS; resolves when JetStream has acknowledged it. */
export type Deliver = (
  entry: OutboxEntry,
  content: { readonly payload: Uint8Array; readonly archive: Uint8Array | null },
) => Promise<void>;

/** Entries on their way at one time, each of another attempt. */
const maxInFlight = 8;
/** Entry ids of one inquiry; some 35 KB. */
const maxAsked = 500;
/** Shortest pause between two rounds that nothing woke. */
const minPauseMs = 100;
/** Longest pause between tries while NATS is away. */
const maxBackoffMs = 5_000;

/**
 * Brings the outbox to the coordinator: publishes what is pending, asks about what stays unreported,
 * and lets go of what is reported committed. See `delivery.ts` for the life of an entry.
 */
export class OutboxPublisher {
  private readonly outbox: Outbox;
  private readonly deliver: Deliver;
  private readonly ask: (entryIds: readonly string[]) => boolean;
  private readonly random: () => number;
  private readonly log: Logger;
  /** Entries that were never published are absent. */
  private readonly deliveries = new Map<string, Delivery>();
  private wake: () => void = () => undefined;
  private failures = 0;
  private heldUntilMs = 0;

  /**
   * `ask` sends an inquiry to the coordinator and answers false while there is no session.
   * `random` answers numbers in [0, 1), for the jitter of retries.
   */
  constructor(options: {
    readonly outbox: Outbox;
    readonly deliver: Deliver;
    readonly ask: (entryIds: readonly string[]) => boolean;
    readonly random: () => number;
    readonly log: Logger;
  }) {
    this.outbox = options.outbox;
    this.deliver = options.deliver;
    this.ask = options.ask;
    this.random = options.random;
    this.log = options.log;
  }

  /** Something was appended. */
  nudge(): void {
    this.wake();
  }

  /** A session began: the reports of the one before may be lost, so everything is asked about. */
  sessionBegan(): void {
    const ids = this.outbox.entries().map((entry) => entry.id);
    for (let from = 0; from < ids.length; from += maxAsked) {
      this.askAbout(ids.slice(from, from + maxAsked));
    }
    this.wake();
  }

  /** The coordinator reported these entries committed. Unknown ids are ignored. */
  async committed(entryIds: readonly string[]): Promise<void> {
    await this.outbox.remove(entryIds);
    for (const id of entryIds) this.deliveries.delete(id);
    this.wake();
  }

  /** Whether every entry has been acknowledged by JetStream. */
  get isDrained(): boolean {
    return this.tracked().every(({ delivery }) => delivery.phase === "published");
  }

  /** Works until `signal` aborts; then lets deliveries under way end on their own. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.wake();
    signal.addEventListener("abort", onAbort);
    try {
      while (!signal.aborted) {
        const woken = new Promise<void>((resolve) => {
          this.wake = resolve;
        });
        await this.sleep(this.step(), woken);
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Does what is due and answers how long there is nothing else to do, null for until woken. */
  private step(): number | null {
    const nowMs = performance.now();
    const entries = this.tracked();
    for (const id of dueForRepeat(entries, nowMs)) {
      this.log.warn({ entryId: id }, "outbox entry stays unreported, publishing it again");
      this.deliveries.set(id, { phase: "pending", times: this.delivery(id).times });
    }
    const questions = dueForQuestion(entries, nowMs, maxAsked);
    const canAsk = questions.length === 0 || this.askAbout(questions);
    if (nowMs < this.heldUntilMs) return this.heldUntilMs - nowMs;
    for (const id of dueForPublish(this.tracked(), maxInFlight)) {
      this.deliveries.set(id, { phase: "publishing", times: this.delivery(id).times });
      void this.publish(id);
    }
    const nextMs = nextDueMs(entries, canAsk);
    return nextMs === null ? null : Math.max(minPauseMs, nextMs - nowMs);
  }

  private async sleep(ms: number | null, woken: Promise<void>): Promise<void> {
    if (ms === null) return woken;
    const timer = new AbortController();
    const elapsed = delay(ms, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([elapsed, woken]);
    timer.abort();
  }

  private async publish(id: string): Promise<void> {
    const { times } = this.delivery(id);
    try {
      const content = await this.outbox.read(id);
      const entry = this.outbox.entry(id);
      if (content !== null && entry !== undefined) await this.deliver(entry, content);
      const publishedAtMs = performance.now();
      this.deliveries.set(id, {
        phase: "published",
        publishedAtMs,
        times: times + 1,
        askedAtMs: null,
      });
      if (this.failures > 0) this.log.info({ failures: this.failures }, "outbox delivers again");
      this.failures = 0;
    } catch (error) {
      this.deliveries.set(id, { phase: "pending", times });
      this.holdOff(id, error);
    } finally {
      // An earlier copy may have been reported committed, or the entry set aside, meanwhile.
      if (this.outbox.entry(id) === undefined) this.deliveries.delete(id);
      this.wake();
    }
  }

  private holdOff(entryId: string, error: unknown): void {
    this.failures += 1;
    const ceilingMs = Math.min(maxBackoffMs, 100 * 2 ** Math.min(this.failures, 10));
    this.heldUntilMs = performance.now() + this.random() * ceilingMs;
    const level = this.failures === 1 ? "warn" : "debug";
    this.log[level](
      { err: error, entryId, failures: this.failures },
      "outbox cannot deliver and keeps trying",
    );
  }

  private askAbout(ids: readonly string[]): boolean {
    if (!this.ask(ids)) return false;
    const askedAtMs = performance.now();
    for (const id of ids) {
      const delivery = this.deliveries.get(id);
      if (delivery?.phase === "published") this.deliveries.set(id, { ...delivery, askedAtMs });
    }
    return true;
  }

  private delivery(id: string): Delivery {
    return this.deliveries.get(id) ?? { phase: "pending", times: 0 };
  }

  private tracked(): Tracked[] {
    return this.outbox.entries().map(({ id, attemptId }) => ({
      id,
      attemptId,
      delivery: this.delivery(id),
    }));
  }
}
