import { OperatorService } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { clientOf, openChannel } from "../../proto/rpc/client.ts";
import type { ServiceClient } from "../../proto/rpc/methods.ts";
import { RpcError } from "../../proto/rpc/rpc-error.ts";
import { type CliContext, CommandFailure, UsageError } from "./context.ts";
import { findLab, type LabAddress } from "./lab-address.ts";

/** The operator's calls at a coordinator. */
export type Operator = ServiceClient<typeof OperatorService>;

/**
 * Connects to the coordinator for as long as `use` runs.
 *
 * @throws UsageError when no coordinator is named, or it finds the request wrong
 * @throws CommandFailure when the call fails
 */
export async function withOperator<Result>(
  coordinator: string | undefined,
  context: CliContext,
  use: (operator: Operator) => Promise<Result>,
): Promise<Result> {
  const lab = findLab(coordinator, context);
  if (lab === undefined) {
    throw new UsageError(
      "no coordinator is named; start a lab with `sweep dev`, or name one with --coordinator host:port (or SWEEP_COORDINATOR) and SWEEP_LAB_TOKEN",
    );
  }
  return await withOperatorAt(lab, use);
}

/** The same for a coordinator that is already found. */
export async function withOperatorAt<Result>(
  lab: LabAddress,
  use: (operator: Operator) => Promise<Result>,
): Promise<Result> {
  const channel = openChannel({ address: lab.coordinator, labToken: lab.labToken });
  try {
    return await use(clientOf(OperatorService, channel));
  } catch (error) {
    throw error instanceof RpcError ? explained(error, lab) : error;
  } finally {
    channel.close();
  }
}

/** A failed call in words that say what can be done. */
function explained(cause: RpcError, { coordinator, source }: LabAddress): Error {
  const place = `the coordinator at ${coordinator} (from ${source})`;
  switch (cause.code) {
    case "UNAVAILABLE":
    case "CANCELLED":
      return new CommandFailure(
        `cannot reach ${place}: ${cause.message}. Is it running there? \`sweep doctor\` tells more`,
        { cause },
      );
    case "UNAUTHENTICATED":
      return new CommandFailure(
        `${place} refused: ${cause.message}; set SWEEP_LAB_TOKEN to the coordinator's`,
        { cause },
      );
    case "DEADLINE_EXCEEDED":
      return new CommandFailure(`${place} did not answer in time; try again`, { cause });
    case "UNIMPLEMENTED":
      return new CommandFailure(
        `${place} does not know this call; it is of another version than this command`,
        { cause },
      );
    case "INVALID_ARGUMENT":
      return new UsageError(cause.message, { cause });
    case "NOT_FOUND":
    case "ALREADY_EXISTS":
    case "FAILED_PRECONDITION":
    case "PERMISSION_DENIED":
    case "RESOURCE_EXHAUSTED":
    case "ABORTED":
    case "OUT_OF_RANGE":
      return new CommandFailure(cause.message, { cause });
    case "INTERNAL":
    case "UNKNOWN":
    case "DATA_LOSS":
      return new CommandFailure(`${place} failed: ${cause.message}`, { cause });
  }
}
