import type { OperatorService } from "../../proto/gen/sweep/v1/operator_pb.ts";
import type { ServiceHandlers } from "../../proto/rpc/methods.ts";
import { RpcError } from "../../proto/rpc/rpc-error.ts";

type OperatorHandlers = ServiceHandlers<typeof OperatorService>;

/** Handlers of the operator's service: those a test is about, and refusals for all others. */
export function operatorHandlers(handlers: Partial<OperatorHandlers>): OperatorHandlers {
  return {
    planSweep: unexpected,
    submitSweep: unexpected,
    listSweeps: unexpected,
    getSweepStatus: unexpected,
    watchSweep: unexpectedStream,
    setSweepState: unexpected,
    listRuns: unexpected,
    getRun: unexpected,
    readTrace: unexpectedStream,
    listNodes: unexpected,
    setNodeDraining: unexpected,
    listCombinationResults: unexpected,
    readAudit: unexpected,
    auditAgain: unexpectedStream,
    requeueRuns: unexpected,
    startRegrade: unexpected,
    watchRegrades: unexpectedStream,
    ...handlers,
  };
}

async function unexpected(): Promise<never> {
  throw new RpcError("UNIMPLEMENTED", "this test does not expect the call");
}

async function* unexpectedStream(): AsyncGenerator<never> {
  yield* [];
  await unexpected();
}
