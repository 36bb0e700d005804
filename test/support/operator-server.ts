import type { Changes } from "../../coordinator/changes.ts";
import { operatorService } from "../../coordinator/operator/service.ts";
import { sweepReader } from "../../coordinator/operator/sweep-reader.ts";
import { refusalOf } from "../../coordinator/refusal.ts";
import { ConnectedNodes } from "../../coordinator/sessions/connected-nodes.ts";
import type { Database } from "../../coordinator/store/database.ts";
import { OperatorService } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { harnessNames } from "../../proto/harness-names.ts";
import { implement, type RpcServer, startRpcServer } from "../../proto/rpc/server.ts";
import { auditing } from "./auditing.ts";
import { labToken } from "./rpc.ts";
import { silentLog } from "./silent-log.ts";

/**
 * Serves the operator's calls on a database, without nodes and a scheduler.
 *
 * @param options.taskRoots folders that hold task folders
 * @param options.rulesVersion of the rules by which traces are audited
 */
export function startOperatorServer(options: {
  readonly database: Database;
  readonly changes: Changes;
  readonly taskRoots: readonly string[];
  readonly rulesVersion?: number;
}): Promise<RpcServer> {
  const { database, changes, taskRoots, rulesVersion } = options;
  const service = operatorService({
    database,
    nodes: new ConnectedNodes(),
    reader: sweepReader(taskRoots, harnessNames),
    auditing: auditing(database, rulesVersion),
    onReopened: () => undefined,
    changes,
    onSubmitted: async () => undefined,
    onChange: () => changes.notify(),
    now: () => 0,
    log: silentLog,
  });
  return startRpcServer({
    listen: "127.0.0.1:0",
    labToken,
    services: [implement(OperatorService, service)],
    refusalOf,
    log: silentLog,
  });
}
