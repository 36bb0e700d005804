import type { Assignment } from "../proto/gen/sweep/v1/node_pb.ts";
import type { Logger } from "../proto/log.ts";
import {
  advance,
  claims,
  type Holdings,
  type HoldingsAction,
  type HoldingsEvent,
  type Lease,
  nextExpiryMs,
  noHoldings,
  type StopCause,
} from "./holdings.ts";
import type { CoordinatorMessage, SessionMessage } from "./session.ts";

/** What a heartbeat says beside its claims. */
export interface NodeStatus {
  readonly loadedModel: string;
  readonly outboxEntries: number;
}

/** Surroundings of a {@link LeaseKeeper}. */
export interface LeaseKeeperOptions {
  /** Attempts that may be held at one time. */
  readonly slots: number;
  /** A monotonic clock. */
  readonly nowMs: () => number;
  /** Sends to the coordinator; false while there is no session. */
  readonly send: (message: SessionMessage) => boolean;
  readonly status: () => NodeStatus;
  /** Why no attempt can be taken now, or null. */
  readonly busy: () => string | null;
  readonly begin: (assignment: Assignment) => void;
  readonly stop: (lease: Lease, why: StopCause, reason: string) => void;
  readonly log: Logger;
}

interface Release {
  readonly lease: Lease;
  /** Sequence of the first heartbeat after the report, null if it could not be sent. */
  toldBefore: bigint | null;
}

/** Releases remembered while there is no session; a node ends far fewer attempts in that time. */
const maxReleased = 1_000;

/** Longest time a timer of Node can wait. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * The I/O around `holdings.ts`: tells it what happened and does what it decides. Sends heartbeats at
 * the interval of the Welcome, and begins and stops attempts.
 */
export class LeaseKeeper {
  private holdings: Holdings;
  private readonly assignments = new Map<string, Assignment>();
  /** Leases that were released, until a heartbeat that followed the report is answered. */
  private released: Release[] = [];
  private nextSequence = 1n;
  private leaseTtlMs = 0;
  private heartbeatTimer: NodeJS.Timeout | undefined;
  private expiryTimer: NodeJS.Timeout | undefined;
  private readonly options: LeaseKeeperOptions;

  constructor(options: LeaseKeeperOptions) {
    this.options = options;
    this.holdings = noHoldings(options.slots);
  }

  /** Takes the coordinator's messages that concern leases, in their order; others are ignored. */
  receive(message: CoordinatorMessage): void {
    switch (message.case) {
      case "welcome": {
        const { leaseTtlMs, heartbeatIntervalMs, draining } = message.value;
        this.leaseTtlMs = leaseTtlMs;
        this.tell({ kind: "drain", draining });
        // Before the first heartbeat, whose claims would otherwise make these look abandoned.
        for (const release of this.released) this.report(release);
        this.heartbeat();
        clearInterval(this.heartbeatTimer);
        this.heartbeatTimer = setInterval(() => this.heartbeat(), heartbeatIntervalMs);
        break;
      }
      case "heartbeatReply": {
        const { sequence, verdicts } = message.value;
        const { leaseTtlMs } = this;
        this.released = this.released.filter(
          ({ toldBefore }) => toldBefore === null || toldBefore > sequence,
        );
        this.tell({ kind: "heartbeat-confirmed", sequence, leaseTtlMs, verdicts });
        break;
      }
      case "assignment": {
        const { attemptId, epoch } = message.value;
        const isNew = !this.assignments.has(attemptId);
        if (isNew) this.assignments.set(attemptId, message.value);
        this.tell({ kind: "offer", lease: { attemptId, epoch }, busy: this.options.busy() });
        break;
      }
      case "cancel":
        this.tell({ kind: "cancel", ...message.value });
        break;
      case "setDraining":
        this.options.log.info({ draining: message.value.draining }, "draining changed");
        this.tell({ kind: "drain", draining: message.value.draining });
        break;
      case "outboxCommitted":
      case undefined:
        break;
    }
  }

  /** The session is over: nothing is confirmed until the next one. */
  disconnected(): void {
    clearInterval(this.heartbeatTimer);
    this.tell({ kind: "disconnected" });
  }

  /** Everything of an attempt is gone; its slot is free. */
  ended(lease: Lease): void {
    this.tell({ kind: "ended", lease });
  }

  /**
   * The result of an attempt lies in the outbox. The coordinator is told, again after each new
   * session until it has surely heard: it takes a lease that is neither claimed nor released for
   * abandoned and starts the run anew.
   */
  release({ attemptId, epoch }: Lease): void {
    const release: Release = { lease: { attemptId, epoch }, toldBefore: null };
    this.released = [...this.released, release].slice(-maxReleased);
    this.report(release);
  }

  /** Takes no more attempts and stops those that are here. */
  shutdown(): void {
    this.tell({ kind: "shutdown" });
    clearInterval(this.heartbeatTimer);
  }

  /** Whether no attempt is held in any phase. */
  get isIdle(): boolean {
    return this.holdings.leases.length === 0;
  }

  private report(release: Release): void {
    const told = this.options.send({ case: "released", value: release.lease });
    release.toldBefore = told ? this.nextSequence : null;
  }

  private heartbeat(): void {
    const sequence = this.nextSequence;
    const value = { sequence, claims: [...claims(this.holdings)], ...this.options.status() };
    // Told first, so that the trust window counts from before the message left.
    this.nextSequence += 1n;
    this.tell({ kind: "heartbeat-sent", sequence });
    this.options.send({ case: "heartbeat", value });
  }

  private tell(event: HoldingsEvent): void {
    const step = advance(this.holdings, event, this.options.nowMs());
    this.holdings = step.holdings;
    for (const action of step.actions) this.act(action);
    for (const attemptId of this.assignments.keys()) {
      if (!this.holdings.leases.some((held) => held.attemptId === attemptId)) {
        this.assignments.delete(attemptId);
      }
    }
    this.armExpiry();
  }

  private act(action: HoldingsAction): void {
    const { log, begin, stop, send } = this.options;
    switch (action.kind) {
      case "begin": {
        const assignment = this.assignments.get(action.lease.attemptId);
        if (assignment !== undefined) begin(assignment);
        break;
      }
      case "stop":
        log.warn({ ...action.lease, why: action.why, reason: action.reason }, "attempt must stop");
        stop(action.lease, action.why, action.reason);
        break;
      case "refuse":
        log.info({ ...action.lease, reason: action.reason }, "assignment refused");
        send({ case: "refused", value: { ...action.lease, reason: action.reason } });
        break;
      case "forget":
        log.info({ ...action.lease, reason: action.reason }, "assignment withdrawn");
        break;
      case "send-heartbeat":
        this.heartbeat();
        break;
    }
  }

  private armExpiry(): void {
    clearTimeout(this.expiryTimer);
    const expiryMs = nextExpiryMs(this.holdings);
    if (expiryMs === null) return;
    const waitMs = Math.min(maxTimerMs, Math.max(0, Math.ceil(expiryMs - this.options.nowMs())));
    this.expiryTimer = setTimeout(() => this.tell({ kind: "time-passed" }), waitMs);
  }
}
