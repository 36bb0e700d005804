import { setTimeout as delay } from "node:timers/promises";
import type { OperatorService } from "../../proto/gen/sweep/v1/operator_pb.ts";
import type { Logger } from "../../proto/log.ts";
import type { ServerCall, ServiceHandlers } from "../../proto/rpc/methods.ts";
import { auditAgain } from "../auditing/again.ts";
import type { AuditAttempt } from "../auditing/audit-attempt.ts";
import type { Changes } from "../changes.ts";
import { readAudit } from "../queries/audit.ts";
import { latestRegrades, readRegrades } from "../regrading/progress.ts";
import { startRegrade } from "../regrading/start.ts";
import type { Database } from "../store/database.ts";
import { requeueReached } from "./requeue.ts";
import type { SweepReader } from "./sweep-reader.ts";

/** Watchers get no more than this many states a second. */
const watchPauseMs = 250;
/** Another process may have written without this one's notice. */
const lookAtLeastMs = 2_000;

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

    async *watchRegrades({ regradeIds, target }, call) {
      const ids = regradeIds.length > 0 ? regradeIds : await latestRegrades(queries, target);
      yield* watch(ids, call);
    },
  };

  async function* watch(regradeIds: readonly string[], { signal }: ServerCall) {
    while (!signal.aborted) {
      const changed = changes.next(lookAtLeastMs, signal);
      const regrades = await readRegrades(queries, regradeIds);
      yield { regrades };
      const goesOn = regrades.some(
        ({ open = 0, adopt, adopted, refusal }) =>
          open > 0 || (adopt === true && adopted !== true && refusal === ""),
      );
      if (!goesOn) return;
      await changed;
      await delay(watchPauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
