import { NatsError } from "nats";
import { RpcError } from "../proto/rpc/rpc-error.ts";
import { SweepFileError } from "./operator/sweep-reader.ts";
import { NotFoundError, RefusedError } from "./queries/errors.ts";
import { isDatabaseAway } from "./store/database.ts";

/**
 * The status for an error that a handler throws on purpose, or whose cause will pass; undefined for
 * a fault of this program.
 */
export function refusalOf(error: unknown): RpcError | undefined {
  if (error instanceof NotFoundError) return as("NOT_FOUND", error);
  if (error instanceof RefusedError) return as("FAILED_PRECONDITION", error);
  if (error instanceof SweepFileError) return as("INVALID_ARGUMENT", error);
  if (isDatabaseAway(error)) {
    return new RpcError("UNAVAILABLE", "the coordinator's database is away", { cause: error });
  }
  if (error instanceof NatsError) {
    return new RpcError("UNAVAILABLE", `NATS is away: ${error.message}`, { cause: error });
  }
  return undefined;
}

function as(code: RpcError["code"], error: Error): RpcError {
  return new RpcError(code, error.message, { cause: error });
}
