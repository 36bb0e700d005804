import type { OperatorService } from "../../proto/gen/sweep/v1/operator_pb.ts";
import type { Logger } from "../../proto/log.ts";
import type { ServiceHandlers } from "../../proto/rpc/methods.ts";
import { auditAgain } from "../auditing/again.ts";
import type { AuditAttempt } from "../auditing/audit-attempt.ts";
import type { Changes } from "../changes.ts";
import { readAudit } from "../queries/audit.ts";
import { latestRegrades, readRegrades } from "../regrading/progress.ts";
import { startRegrade } from "../regrading/start.ts";
import type { Database } from "../store/database.ts";
import { requeueReached } from "./requeue.ts";
import type { SweepReader } from "./sweep-reader.ts";
import { watchStates } from "./watch-states.ts";

type VerdictCalls = Pick<
  ServiceHandlers<typeof OperatorService>,
  "readAudit" | "auditAgain" | "requeueRuns" | "startRegrade" | "watchRegrades"
>;

/** The calls about what is thought of results that are there: audits, requeues and regrades. */
export function verdictCalls(options: {
  readonly database: Database;
  readonly reader: SweepReader;
  readonly auditAttempt: AuditAttempt;
  /** Of the rules that `auditAttempt` goes by. */
  readonly rulesVersion: number;
  readonly changes: Changes;
  /** Called when runs of a sweep that may have completed are pending again. */
  readonly onReopened: () => void;
  readonly onChange: () => void;
  readonly log: Logger;
}): VerdictCalls {
  const { database, reader, auditAttempt, rulesVersion, changes, onReopened, onChange, log } =
    options;
  const { queries } = database;

  return {
    readAudit({ target }) {
      return readAudit(queries, target, rulesVersion);
    },

    async *auditAgain({ target }, { signal }) {
      yield* auditAgain({ database, auditAttempt, rulesVersion, target, signal, log });
      onChange();
    },

    async requeueRuns({ targets, confirmed }) {
      const answer = await requeueReached(database, targets, confirmed);
      if (answer.done) {
        log.info({ runs: answer.runs?.length, targets }, "runs requeued");
        onReopened();
        onChange();
      }
      return answer;
    },

    async startRegrade({ target, task, adopt }) {
      const regradeIds = await startRegrade(database, reader, { target, task, adopt });
      log.info({ regradeIds, target, task, adopt }, "regrade asked for");
      onChange();
      return { regradeIds };
    },

    async *watchRegrades({ regradeIds, target }, { signal }) {
      const ids = regradeIds.length > 0 ? regradeIds : await latestRegrades(queries, target);
      const read = () => readRegrades(queries, ids);
      for await (const regrades of watchStates({ changes, read, isLast: areSettled, signal })) {
        yield { regrades };
      }
    },
  };
}

/** Whether nothing of them is being graded, and none is still to be adopted. */
function areSettled(regrades: Awaited<ReturnType<typeof readRegrades>>): boolean {
  return regrades.every(
    ({ open = 0, adopt = false, adopted = false, refusal }) =>
      open === 0 && (!adopt || adopted || refusal !== ""),
  );
}
