import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  advance,
  claims,
  type Holdings,
  type HoldingsAction,
  type HoldingsEvent,
  type Lease,
  nextExpiryMs,
  noHoldings,
} from "./holdings.ts";

const leaseTtlMs = 100;
const lease: Lease = { attemptId: "a", epoch: 1 };

/** Feeds events of the form [time, event] and answers the last state with all actions. */
function play(
  events: readonly (readonly [number, HoldingsEvent])[],
  start: Holdings = noHoldings(1),
): { holdings: Holdings; actions: HoldingsAction[] } {
  let holdings = start;
  const actions: HoldingsAction[] = [];
  for (const [nowMs, event] of events) {
    const step = advance(holdings, event, nowMs);
    holdings = step.holdings;
    actions.push(...step.actions);
  }
  return { holdings, actions };
}

const offer = (of: Lease): HoldingsEvent => ({ kind: "offer", lease: of, busy: null });
const sent = (sequence: bigint): HoldingsEvent => ({ kind: "heartbeat-sent", sequence });
const confirmed = (sequence: bigint, of: Lease, renewed = true): HoldingsEvent => ({
  kind: "heartbeat-confirmed",
  sequence,
  leaseTtlMs,
  verdicts: [{ ...of, renewed, reason: renewed ? "" : "granted to another node" }],
});

describe("holdings", () => {
  test("an offer begins only when a heartbeat that claims it is confirmed", () => {
    const offered = play([[0, offer(lease)]]);
    expect(offered.actions).toEqual([{ kind: "send-heartbeat" }]);
    const begun = play([
      [0, offer(lease)],
      [1, sent(1n)],
      [5, confirmed(1n, lease)],
    ]);
    expect(begun.actions).toContainEqual({ kind: "begin", lease });
    expect(nextExpiryMs(begun.holdings)).toBe(101);
  });

  test("a confirmed heartbeat that was sent before the offer begins nothing", () => {
    const { actions } = play([
      [0, sent(1n)],
      [1, offer(lease)],
      [2, confirmed(1n, lease)],
    ]);
    expect(actions.map((action) => action.kind)).toEqual(["send-heartbeat"]);
  });

  test("a confirmation slower than the lease begins nothing", () => {
    const { actions } = play([
      [0, offer(lease)],
      [1, sent(1n)],
      [101, confirmed(1n, lease)],
    ]);
    expect(actions).not.toContainEqual({ kind: "begin", lease });
  });

  test("a lease that ran out is not revived by a late confirmation", () => {
    const { holdings, actions } = play([
      [0, offer(lease)],
      [1, sent(1n)],
      [2, confirmed(1n, lease)],
      [50, sent(2n)],
      [101, { kind: "time-passed" }],
      [102, confirmed(2n, lease)],
    ]);
    expect(actions.at(-1)).toMatchObject({ kind: "stop", why: "expired" });
    expect(holdings.leases).toMatchObject([{ phase: "stopping" }]);
    expect(claims(holdings)).toEqual([]);
  });

  test("a lost lease stops its attempt and keeps the slot until the attempt has ended", () => {
    const lost = play([
      [0, offer(lease)],
      [1, sent(1n)],
      [2, confirmed(1n, lease)],
      [3, sent(2n)],
      [4, confirmed(2n, lease, false)],
    ]);
    expect(lost.actions.at(-1)).toMatchObject({ kind: "stop", why: "lost", lease });
    const other: Lease = { attemptId: "b", epoch: 1 };
    expect(play([[5, offer(other)]], lost.holdings).actions).toMatchObject([{ kind: "refuse" }]);
    const free = play(
      [
        [5, { kind: "ended", lease }],
        [6, offer(other)],
      ],
      lost.holdings,
    );
    expect(free.actions).toEqual([{ kind: "send-heartbeat" }]);
  });

  test("an offer that was sent twice is not refused", () => {
    const { actions } = play([
      [0, offer(lease)],
      [1, offer(lease)],
    ]);
    expect(actions).toEqual([{ kind: "send-heartbeat" }, { kind: "send-heartbeat" }]);
  });

  test("a draining node refuses offers and keeps what it has", () => {
    const { holdings, actions } = play(
      [
        [0, offer(lease)],
        [1, { kind: "drain", draining: true }],
        [2, offer({ attemptId: "b", epoch: 1 })],
      ],
      noHoldings(2),
    );
    expect(actions.at(-1)).toMatchObject({ kind: "refuse", reason: "node is draining" });
    expect(claims(holdings)).toEqual([lease]);
  });

  test("a cancelled attempt is claimed until it has ended, a lost one is not", () => {
    const working = play([
      [0, offer(lease)],
      [1, sent(1n)],
      [2, confirmed(1n, lease)],
    ]).holdings;
    const cancelled = play(
      [[3, { kind: "cancel", attemptId: "a", reason: "sweep cancelled" }]],
      working,
    );
    expect(claims(cancelled.holdings)).toEqual([lease]);
    expect(claims(play([[3, { kind: "shutdown" }]], working).holdings)).toEqual([]);
  });
});

/** What may happen next to the node, the coordinator or a message between them. */
type Turn =
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "grant"; readonly attempt: number }
  | { readonly kind: "heartbeat" }
  | { readonly kind: "deliver"; readonly pick: number }
  | { readonly kind: "lose"; readonly pick: number }
  | { readonly kind: "repeat"; readonly pick: number }
  | { readonly kind: "cancel"; readonly attempt: number }
  | { readonly kind: "end"; readonly attempt: number }
  | { readonly kind: "reconnect" }
  | { readonly kind: "drain"; readonly draining: boolean };

const attempt = fc.nat({ max: 3 });
const pick = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat({ max: 7 }));
const turn: fc.Arbitrary<Turn> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait"), ms: fc.nat({ max: 40 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("grant"), attempt }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("heartbeat") }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("deliver"), pick }) },
  fc.record({ kind: fc.constant("lose"), pick }),
  fc.record({ kind: fc.constant("repeat"), pick }),
  fc.record({ kind: fc.constant("cancel"), attempt }),
  fc.record({ kind: fc.constant("end"), attempt }),
  fc.record({ kind: fc.constant("reconnect") }),
  fc.record({ kind: fc.constant("drain"), draining: fc.boolean() }),
);

/** A node, its coordinator and an unreliable network that delays, loses, repeats and reorders. */
class World {
  nowMs = 0;
  holdings = noHoldings(2);
  readonly working = new Map<string, Lease>();
  begun = 0;
  readonly broken: string[] = [];
  /** The coordinator's own record: until when each lease is the node's. */
  readonly granted = new Map<string, { lease: Lease; untilMs: number }>();
  private nextSequence = 1n;
  private network: (() => void)[] = [];

  node(event: HoldingsEvent): void {
    const step = advance(this.holdings, event, this.nowMs);
    this.holdings = step.holdings;
    for (const action of step.actions) {
      if (action.kind === "begin") {
        this.begun += 1;
        this.working.set(action.lease.attemptId, action.lease);
      } else if (action.kind === "stop") this.working.delete(action.lease.attemptId);
      else if (action.kind === "send-heartbeat") this.heartbeat();
    }
    this.check();
  }

  heartbeat(): void {
    const sequence = this.nextSequence++;
    const claimed = claims(this.holdings);
    this.node(sent(sequence));
    this.network.push(() => {
      const verdicts = claimed.map((of) => {
        const grant = this.granted.get(of.attemptId);
        const renewed =
          grant !== undefined && grant.lease.epoch === of.epoch && grant.untilMs > this.nowMs;
        if (renewed) grant.untilMs = this.nowMs + leaseTtlMs;
        return { ...of, renewed, reason: "" };
      });
      const reply = (): void =>
        this.node({ kind: "heartbeat-confirmed", sequence, leaseTtlMs, verdicts });
      this.network.push(reply);
    });
  }

  take(turn: Turn): void {
    switch (turn.kind) {
      case "wait":
        return this.wait(turn.ms);
      case "grant": {
        const attemptId = `attempt-${turn.attempt}`;
        const old = this.granted.get(attemptId);
        if (old !== undefined && old.untilMs > this.nowMs) return;
        const lease = { attemptId, epoch: (old?.lease.epoch ?? 0) + 1 };
        this.granted.set(attemptId, { lease, untilMs: this.nowMs + leaseTtlMs });
        this.network.push(() => this.node(offer(lease)));
        return;
      }
      case "heartbeat":
        return this.heartbeat();
      case "deliver":
        return this.network.splice(turn.pick % Math.max(1, this.network.length), 1)[0]?.();
      case "lose":
        this.network.splice(turn.pick % Math.max(1, this.network.length), 1);
        return;
      case "repeat":
        return this.network[turn.pick % Math.max(1, this.network.length)]?.();
      case "cancel":
        return this.node({ kind: "cancel", attemptId: `attempt-${turn.attempt}`, reason: "" });
      case "end": {
        const held = this.holdings.leases.find(
          (one) => one.attemptId === `attempt-${turn.attempt}`,
        );
        if (held === undefined) return;
        this.working.delete(held.attemptId);
        return this.node({ kind: "ended", lease: held });
      }
      case "reconnect":
        this.network = [];
        return this.node({ kind: "disconnected" });
      case "drain":
        return this.node({ kind: "drain", draining: turn.draining });
    }
  }

  /** Time passes; the shell's timer fires at each expiry on the way. */
  private wait(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const expiryMs = nextExpiryMs(this.holdings);
      if (expiryMs === null || expiryMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, expiryMs);
      this.node({ kind: "time-passed" });
    }
    this.nowMs = endMs;
    this.check();
  }

  private check(): void {
    for (const lease of this.working.values()) {
      const grant = this.granted.get(lease.attemptId);
      if (grant?.lease.epoch !== lease.epoch) this.broken.push("works under another epoch");
      else if (grant.untilMs <= this.nowMs) this.broken.push("works after its lease");
    }
    if (this.holdings.leases.length > this.holdings.slots) this.broken.push("holds too much");
    if (this.holdings.unanswered.length > 64) this.broken.push("remembers too many heartbeats");
  }
}

test("whatever is delayed, lost, repeated or reordered, the node works only while the coordinator's lease stands", () => {
  let begun = 0;
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 150, size: "max" }), (turns) => {
      const world = new World();
      for (const one of turns) world.take(one);
      expect(world.broken).toEqual([]);
      begun += world.begun;
    }),
    { numRuns: 500 },
  );
  expect(begun).toBeGreaterThan(200);
});
