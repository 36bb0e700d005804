import { create } from "@bufbuild/protobuf";
import { and, eq, ne } from "drizzle-orm";
import {
  type GetSweepStatusResponse,
  GetSweepStatusResponseSchema,
  type OperatorService,
  SweepState,
} from "../../proto/gen/sweep/v1/operator_pb.ts";
import type { Logger } from "../../proto/log.ts";
import type { ServiceHandlers } from "../../proto/rpc/methods.ts";
import { PROGRAM_VERSION } from "../../proto/version.ts";
import type { AuditAttempt } from "../auditing/audit-attempt.ts";
import type { Changes } from "../changes.ts";
import { cancelRuns } from "../leases/reclaim.ts";
import { readCombinationResults, readMixedTasks } from "../queries/combination-results.ts";
import { RefusedError } from "../queries/errors.ts";
import { listNodes, setNodeDraining } from "../queries/nodes.ts";
import { readRunDetail } from "../queries/run-detail.ts";
import { listRuns, runRowMessage } from "../queries/runs.ts";
import { readSweepStatus } from "../queries/sweep-status.ts";
import { findSweep, listSweeps, summarizeSweep } from "../queries/sweeps.ts";
import { readTrace } from "../queries/trace.ts";
import { readSnapshot } from "../scheduler/read-snapshot.ts";
import type { ConnectedNodes } from "../sessions/connected-nodes.ts";
import type { Database } from "../store/database.ts";
import { sweeps } from "../store/schema.ts";
import { planMessage } from "./plan-message.ts";
import { type Submission, storeSweep } from "./submit.ts";
import type { SweepReader } from "./sweep-reader.ts";
import { verdictCalls } from "./verdict-calls.ts";
import { watchStates } from "./watch-states.ts";

/** The calls behind the `sweep` command. */
export function operatorService(options: {
  readonly database: Database;
  readonly nodes: ConnectedNodes;
  readonly reader: SweepReader;
  /** Audits stored traces, by rules of this version. */
  readonly auditing: { readonly auditAttempt: AuditAttempt; readonly rulesVersion: number };
  /** Called when runs of a completed sweep are pending again: nodes need its tasks once more. */
  readonly onReopened: () => void;
  readonly changes: Changes;
  /** Called with a sweep that was stored, before the scheduler may hand out its runs. */
  readonly onSubmitted: (submission: Submission) => Promise<void>;
  /** Called when runs, sweeps or nodes changed. */
  readonly onChange: () => void;
  readonly now: () => number;
  readonly log: Logger;
}): ServiceHandlers<typeof OperatorService> {
  const {
    database,
    nodes,
    reader,
    auditing,
    onReopened,
    changes,
    onSubmitted,
    onChange,
    now,
    log,
  } = options;
  const { queries } = database;
  const isConnected = (nodeId: string): boolean => nodes.isConnected(nodeId);
  const statusOf = (sweep: string) => readSweepStatus(queries, sweep, isConnected, now());

  return {
    ...verdictCalls({ database, reader, ...auditing, changes, onReopened, onChange, log }),

    async planSweep({ fileName, text }) {
      const reading = await reader.readDefinition(fileName, text);
      const { nodes: known } = await readSnapshot(queries, isConnected);
      return planMessage(reading, known);
    },

    async submitSweep({ fileName, text, amend, name }) {
      const submission = await reader.readSubmission(fileName, text, name);
      await onSubmitted(submission);
      const stored = await storeSweep(database, submission, amend);
      log.info({ sweepId: stored.sweepId, runsAdded: stored.runsAdded, amend }, "sweep submitted");
      onChange();
      return { ...stored, sweepName: submission.sweep.name };
    },

    async listSweeps() {
      return { sweeps: await listSweeps(queries) };
    },

    getSweepStatus({ sweep }) {
      return statusOf(sweep);
    },

    async *watchSweep({ sweep }, { signal }) {
      const read = async () => create(GetSweepStatusResponseSchema, await statusOf(sweep));
      for await (const status of watchStates({ changes, read, isLast: hasEnded, signal })) {
        yield { status };
      }
    },

    async setSweepState({ sweep, state }) {
      const row = await findSweep(queries, sweep);
      switch (state) {
        case SweepState.CANCELLED:
          await cancel(row.id);
          break;
        case SweepState.PAUSED:
        case SweepState.ACTIVE:
          await pauseOrResume(row.id, state === SweepState.PAUSED ? "paused" : "active");
          break;
        case SweepState.COMPLETED:
        case SweepState.UNSPECIFIED:
        default:
          throw new RefusedError(
            "a sweep can be paused, resumed and cancelled; it completes by itself",
          );
      }
      onChange();
      return { sweep: await summarizeSweep(queries, await findSweep(queries, row.id)) };
    },

    async listRuns({ sweep, ...filter }) {
      const { name } = await findSweep(queries, sweep);
      return { runs: (await listRuns(queries, name, filter)).map(runRowMessage) };
    },

    getRun({ runId }) {
      return readRunDetail(queries, runId);
    },

    async *readTrace({ follow, ...wish }, { signal }) {
      yield* readTrace(queries, wish, follow ? { changes, signal } : null);
    },

    async listNodes() {
      return {
        nodes: await listNodes(queries, isConnected),
        programVersion: PROGRAM_VERSION,
      };
    },

    async setNodeDraining({ node, draining }) {
      const nodeId = await setNodeDraining(queries, node, draining);
      nodes.send(nodeId, { case: "setDraining", value: { draining } });
      log.info({ nodeId, draining }, "node drain set");
      onChange();
      const all = await listNodes(queries, isConnected);
      const found = all.find((candidate) => candidate.nodeId === nodeId);
      return found === undefined ? {} : { node: found };
    },

    async listCombinationResults({ sweep }) {
      const { name } = await findSweep(queries, sweep);
      return {
        combinations: await readCombinationResults(queries, name),
        mixedTasks: await readMixedTasks(queries, name),
      };
    },
  };

  async function cancel(sweepId: string): Promise<void> {
    const reason = "the sweep was cancelled";
    const stopped = await database.transact(async (transaction) => {
      const changed = await transaction
        .update(sweeps)
        .set({ state: "cancelled" })
        .where(and(eq(sweeps.id, sweepId), ne(sweeps.state, "completed")))
        .returning({ id: sweeps.id });
      if (changed.length === 0) {
        throw new RefusedError("the sweep has completed; there is nothing to cancel");
      }
      return cancelRuns(transaction, sweepId, reason);
    });
    for (const { attemptId, nodeId } of stopped) {
      nodes.send(nodeId, { case: "cancel", value: { attemptId, reason } });
    }
    log.info({ sweepId, attempts: stopped.length }, "sweep cancelled");
  }

  async function pauseOrResume(sweepId: string, state: "paused" | "active"): Promise<void> {
    const changed = await queries
      .update(sweeps)
      .set({ state, pauseReason: "" })
      .where(
        and(eq(sweeps.id, sweepId), ne(sweeps.state, "cancelled"), ne(sweeps.state, "completed")),
      )
      .returning({ id: sweeps.id });
    if (changed.length > 0) return;
    throw new RefusedError("the sweep has ended; it can be neither paused nor resumed");
  }
}

function hasEnded(status: GetSweepStatusResponse): boolean {
  const state = status.sweep?.state;
  return state === SweepState.COMPLETED || state === SweepState.CANCELLED;
}
