import type { ChannelOptions } from "@grpc/grpc-js";

/**
 * Set on both sides. A partition that drops packets silently is noticed after at most the sum of
 * these, in milliseconds; grpc-js by itself would leave a stream silent for ever.
 */
export const keepalive = {
  "grpc.keepalive_time_ms": 1_000,
  "grpc.keepalive_timeout_ms": 3_000,
  "grpc.keepalive_permit_without_calls": 1,
} as const satisfies ChannelOptions;

/** Bound on one response. The largest answer lists all runs of a sweep, about 200 bytes each. */
export const maxResponseBytes = 64 * 1024 * 1024;

/** Bound on one request. The largest is the text of a sweep file or the claims of a heartbeat. */
export const maxRequestBytes = 4 * 1024 * 1024;

/** Deadline of a unary call unless its caller names another. */
export const defaultDeadlineMs = 20_000;

/** The value of the metadata `authorization` that proves knowledge of the lab's token. */
export function authorization(labToken: string): string {
  return `Bearer ${labToken}`;
}
