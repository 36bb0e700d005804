/**
 * Rules of leases: who may speak for a run. Times are milliseconds of the database's clock, read in
 * the transaction that applies the answer.
 *
 * A lease is granted to one node for one attempt under an epoch that rises with each grant of the
 * run. The node renews it by claiming it in heartbeats. A lease that ran out is never revived: its
 * run may be on its way to another node. A released lease (the node has finished and its result is
 * in its outbox) lives on for the delivery grace, so that a slow NATS does not cost a finished run.
 */
export interface Lease {
  readonly attemptId: string;
  readonly nodeId: string;
  readonly epoch: number;
  readonly expiresAtMs: number;
}

/** What somebody says of an attempt: a heartbeat's claim, or the header of a result. */
export interface Claim {
  readonly attemptId: string;
  readonly nodeId: string;
  readonly epoch: number;
}

/** How long a released lease waits for its result before the run is given to another node. */
export const deliveryGraceMs = 10 * 60_000;

/** Whether `claim` is backed by `lease`, and if not, why, in words for a log. */
export type ClaimVerdict = { readonly kind: "held" } | { readonly kind: "fenced"; reason: string };

/** Judges a claim against the run's lease, which is undefined if the run has none. */
export function judgeClaim(lease: Lease | undefined, claim: Claim, nowMs: number): ClaimVerdict {
  if (lease === undefined) return fenced("the run has no lease");
  if (lease.attemptId !== claim.attemptId || lease.epoch !== claim.epoch) {
    return fenced(`the run was granted again, epoch ${lease.epoch} follows ${claim.epoch}`);
  }
  if (lease.nodeId !== claim.nodeId) return fenced("the lease belongs to another node");
  if (isExpired(lease, nowMs)) return fenced("the lease ran out");
  return { kind: "held" };
}

/** Whether the right has ended by time alone. */
function isExpired(lease: Lease, nowMs: number): boolean {
  return lease.expiresAtMs <= nowMs;
}

function fenced(reason: string): ClaimVerdict {
  return { kind: "fenced", reason };
}
