import { describe, expect, it } from "vitest";
import { judgeClaim, type Lease } from "./lease.ts";

const lease: Lease = { attemptId: "a2", nodeId: "n1", epoch: 2, expiresAtMs: 1_000 };
const claim = { attemptId: "a2", nodeId: "n1", epoch: 2 };

describe("a claim on a lease", () => {
  it("is held by the node it was granted to, until it runs out", () => {
    expect(judgeClaim(lease, claim, 999).kind).toBe("held");
  });

  it("is fenced at the very moment it runs out", () => {
    expect(judgeClaim(lease, claim, 1_000)).toEqual({
      kind: "fenced",
      reason: "the lease ran out",
    });
  });

  it("is fenced when the run was granted again, even to the same node", () => {
    const earlier = { attemptId: "a1", nodeId: "n1", epoch: 1 };
    expect(judgeClaim(lease, earlier, 0)).toMatchObject({ kind: "fenced" });
  });

  it("is fenced for another epoch of the same attempt", () => {
    expect(judgeClaim(lease, { ...claim, epoch: 3 }, 0)).toMatchObject({ kind: "fenced" });
  });

  it("is fenced for another node that quotes the right attempt and epoch", () => {
    expect(judgeClaim(lease, { ...claim, nodeId: "n2" }, 0)).toMatchObject({ kind: "fenced" });
  });

  it("is fenced when the run has no lease", () => {
    expect(judgeClaim(undefined, claim, 0)).toMatchObject({ kind: "fenced" });
  });
});
