/**
 * Which leases this node holds, and until when it may act on them.
 *
 *   offer -> offered --(a heartbeat that claims it is confirmed)--> trusted --(the attempt ends)--> gone
 *               |                                                      |
 *               +--(not renewed, cancelled)--> gone                    +--(lost, expired, cancelled)--> stopping --> gone
 *
 * Trust is counted from the moment at which the confirmed heartbeat was sent. The coordinator counted
 * its own deadline from a later moment, when it read that heartbeat, so the node always lets go first,
 * however long the reply took. A lease that ran out here is never revived by a late confirmation: the
 * attempt was told to stop, and the run may already be going elsewhere.
 *
 * All times are milliseconds of one monotonic clock.
 */

/** The right to execute one attempt; the epoch tells this grant from any other of the same run. */
export interface Lease {
  readonly attemptId: string;
  readonly epoch: number;
}

/** See the diagram above. `stopping` keeps the slot until everything of the attempt is gone. */
export type Holding = Lease &
  (
    | { readonly phase: "offered" }
    | { readonly phase: "trusted"; readonly trustedUntilMs: number }
    | { readonly phase: "stopping"; readonly why: StopCause }
  );

/** Why an attempt has to stop before its end. */
export type StopCause = "lost" | "expired" | "cancelled" | "shutdown";

interface SentHeartbeat {
  readonly sequence: bigint;
  readonly sentAtMs: number;
  readonly claims: readonly Lease[];
}

/** The whole state; a new value for each event. */
export interface Holdings {
  /** Attempts that may be held at one time. */
  readonly slots: number;
  readonly draining: boolean;
  readonly leases: readonly Holding[];
  /** Heartbeats without a reply, oldest first; at most {@link maxUnanswered}. */
  readonly unanswered: readonly SentHeartbeat[];
}

/** A confirmation that arrives later than this many heartbeats after its own is of no use to anyone. */
const maxUnanswered = 64;

/** What happened, with the time at which the node learnt of it. */
export type HoldingsEvent =
  | { readonly kind: "offer"; readonly lease: Lease; readonly busy: string | null }
  | { readonly kind: "heartbeat-sent"; readonly sequence: bigint }
  | {
      readonly kind: "heartbeat-confirmed";
      readonly sequence: bigint;
      readonly leaseTtlMs: number;
      readonly verdicts: readonly LeaseVerdict[];
    }
  | { readonly kind: "time-passed" }
  | { readonly kind: "cancel"; readonly attemptId: string; readonly reason: string }
  | { readonly kind: "ended"; readonly lease: Lease }
  | { readonly kind: "drain"; readonly draining: boolean }
  | { readonly kind: "disconnected" }
  | { readonly kind: "shutdown" };

/** The coordinator's word on one claimed lease. */
export interface LeaseVerdict extends Lease {
  readonly renewed: boolean;
  readonly reason: string;
}

/** What the shell has to do, in this order. */
export type HoldingsAction =
  | { readonly kind: "begin"; readonly lease: Lease }
  | {
      readonly kind: "stop";
      readonly lease: Lease;
      readonly why: StopCause;
      readonly reason: string;
    }
  | { readonly kind: "refuse"; readonly lease: Lease; readonly reason: string }
  /** An offer that never began is no longer ours. */
  | { readonly kind: "forget"; readonly lease: Lease; readonly reason: string }
  | { readonly kind: "send-heartbeat" };

/** A node that holds nothing yet. `slots` is at least 1. */
export const noHoldings = (slots: number): Holdings => ({
  slots,
  draining: false,
  leases: [],
  unanswered: [],
});

/** The claims of a heartbeat that is sent now: everything but what the node no longer trusts itself. */
export function claims(holdings: Holdings): readonly Lease[] {
  return holdings.leases
    .filter((held) => held.phase !== "stopping" || held.why === "cancelled")
    .map(({ attemptId, epoch }) => ({ attemptId, epoch }));
}

/** When the next lease runs out, null if none is trusted. The shell reports `time-passed` then. */
export function nextExpiryMs(holdings: Holdings): number | null {
  const expiries = holdings.leases.flatMap((held) =>
    held.phase === "trusted" ? [held.trustedUntilMs] : [],
  );
  return expiries.length === 0 ? null : Math.min(...expiries);
}

/** Answers any event in any state. Expired leases are stopped before the event itself is looked at. */
export function advance(
  before: Holdings,
  event: HoldingsEvent,
  nowMs: number,
): { readonly holdings: Holdings; readonly actions: readonly HoldingsAction[] } {
  const actions: HoldingsAction[] = [];
  const holdings = stopExpired(before, nowMs, actions);
  return { holdings: apply(holdings, event, nowMs, actions), actions };
}

function apply(
  holdings: Holdings,
  event: HoldingsEvent,
  nowMs: number,
  actions: HoldingsAction[],
): Holdings {
  switch (event.kind) {
    case "offer":
      return offer(holdings, event.lease, event.busy, actions);
    case "heartbeat-sent":
      return {
        ...holdings,
        unanswered: [
          ...holdings.unanswered,
          { sequence: event.sequence, sentAtMs: nowMs, claims: claims(holdings) },
        ].slice(-maxUnanswered),
      };
    case "heartbeat-confirmed":
      return confirm(holdings, event, nowMs, actions);
    case "time-passed":
      return holdings;
    case "cancel":
      return stopWhere(holdings, (held) => held.attemptId === event.attemptId, actions, {
        why: "cancelled",
        reason: event.reason,
      });
    case "ended":
      return {
        ...holdings,
        leases: holdings.leases.filter((held) => !sameLease(held, event.lease)),
      };
    case "drain":
      return { ...holdings, draining: event.draining };
    case "disconnected":
      return { ...holdings, unanswered: [] };
    case "shutdown":
      return stopWhere({ ...holdings, draining: true }, () => true, actions, {
        why: "shutdown",
        reason: "the node is stopping",
      });
  }
}

function offer(
  holdings: Holdings,
  lease: Lease,
  busy: string | null,
  actions: HoldingsAction[],
): Holdings {
  const held = holdings.leases.find((other) => other.attemptId === lease.attemptId);
  if (held?.epoch === lease.epoch && held.phase !== "stopping") {
    actions.push({ kind: "send-heartbeat" });
    return holdings;
  }
  const reason =
    held !== undefined
      ? `attempt is already here under epoch ${held.epoch}`
      : holdings.draining
        ? "node is draining"
        : holdings.leases.length >= holdings.slots
          ? `all ${holdings.slots} slots are taken`
          : busy;
  if (reason !== null) {
    actions.push({ kind: "refuse", lease, reason });
    return holdings;
  }
  actions.push({ kind: "send-heartbeat" });
  return { ...holdings, leases: [...holdings.leases, { ...lease, phase: "offered" }] };
}

function confirm(
  holdings: Holdings,
  event: Extract<HoldingsEvent, { kind: "heartbeat-confirmed" }>,
  nowMs: number,
  actions: HoldingsAction[],
): Holdings {
  const sent = holdings.unanswered.find((heartbeat) => heartbeat.sequence === event.sequence);
  if (sent === undefined) return holdings;
  const trustedUntilMs = sent.sentAtMs + event.leaseTtlMs;
  let next: Holdings = {
    ...holdings,
    unanswered: holdings.unanswered.filter((heartbeat) => heartbeat.sequence > event.sequence),
  };
  for (const verdict of event.verdicts) {
    if (!sent.claims.some((claim) => sameLease(claim, verdict))) continue;
    if (!verdict.renewed) {
      next = stopWhere(next, (held) => sameLease(held, verdict), actions, {
        why: "lost",
        reason: verdict.reason,
      });
    } else if (trustedUntilMs > nowMs) {
      next = trust(next, verdict, trustedUntilMs, actions);
    }
  }
  return next;
}

function trust(
  holdings: Holdings,
  lease: Lease,
  trustedUntilMs: number,
  actions: HoldingsAction[],
): Holdings {
  return {
    ...holdings,
    leases: holdings.leases.map((held): Holding => {
      if (!sameLease(held, lease) || held.phase === "stopping") return held;
      const { attemptId, epoch } = held;
      if (held.phase === "offered") {
        actions.push({ kind: "begin", lease: { attemptId, epoch } });
        return { attemptId, epoch, phase: "trusted", trustedUntilMs };
      }
      // A shorter lease after a reconnect takes back nothing that was confirmed before.
      return { ...held, trustedUntilMs: Math.max(held.trustedUntilMs, trustedUntilMs) };
    }),
  };
}

function stopExpired(holdings: Holdings, nowMs: number, actions: HoldingsAction[]): Holdings {
  return stopWhere(
    holdings,
    (held) => held.phase === "trusted" && held.trustedUntilMs <= nowMs,
    actions,
    { why: "expired", reason: "no heartbeat was confirmed before the lease ran out" },
  );
}

function stopWhere(
  holdings: Holdings,
  concerns: (held: Holding) => boolean,
  actions: HoldingsAction[],
  stop: { readonly why: StopCause; readonly reason: string },
): Holdings {
  return {
    ...holdings,
    leases: holdings.leases.flatMap((held): readonly Holding[] => {
      if (!concerns(held)) return [held];
      const { attemptId, epoch } = held;
      switch (held.phase) {
        case "offered":
          actions.push({ kind: "forget", lease: { attemptId, epoch }, reason: stop.reason });
          return [];
        case "trusted":
          actions.push({ kind: "stop", lease: { attemptId, epoch }, ...stop });
          return [{ attemptId, epoch, phase: "stopping", why: stop.why }];
        case "stopping":
          return [held];
      }
    }),
  };
}

function sameLease(one: Lease, other: Lease): boolean {
  return one.attemptId === other.attemptId && one.epoch === other.epoch;
}
