import { createHash } from "node:crypto";

const digestPattern = /^[0-9a-f]{64}$/;

/** SHA-256 in hexadecimal, by which archives, task halves and outbox entries are named and checked. */
export function sha256(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Whether `value` has the form of what {@link sha256} answers. */
export function isDigest(value: string): boolean {
  return digestPattern.test(value);
}
