import { type StatusObject, status } from "@grpc/grpc-js";

/** Names of gRPC's status codes; a name's index is its number on the wire. */
const codes = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const satisfies readonly (keyof typeof status)[];

/** How a call can fail, by gRPC's name for it. */
export type RpcCode = Exclude<(typeof codes)[number], "OK">;

/**
 * A call that failed. On the server, throw one to answer with its code and message; on the client,
 * every failure of a call is one, save a cancellation by the caller's own signal, which throws the
 * signal's reason.
 */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: RpcCode;

  constructor(code: RpcCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What grpc-js reports as a failed call (its `ServiceError`), as an {@link RpcError}. */
export function rpcErrorFromService(error: Error & { details?: unknown }): RpcError {
  const code = "code" in error && typeof error.code === "number" ? codes[error.code] : undefined;
  const message = typeof error.details === "string" ? error.details : error.message;
  return new RpcError(code === undefined || code === "OK" ? "UNKNOWN" : code, message, {
    cause: error,
  });
}

/** The status with which a server ends a call that failed with `error`. */
export function statusFromRpcError(error: RpcError): Pick<StatusObject, "code" | "details"> {
  return { code: status[error.code], details: error.message };
}

/**
 * Whether a call failed because the other side is away and may come back: a refused or broken
 * connection and an orderly shutdown are UNAVAILABLE, a server that was forced to stop leaves
 * CANCELLED behind.
 */
export function isDisconnection(error: unknown): boolean {
  return error instanceof RpcError && (error.code === "UNAVAILABLE" || error.code === "CANCELLED");
}
