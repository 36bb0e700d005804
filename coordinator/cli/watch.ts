import { createLogUpdate } from "log-update";
import pRetry from "p-retry";
import {
  type GetSweepStatusResponse,
  GetSweepStatusResponseSchema,
} from "../../proto/gen/sweep/v1/operator_pb.ts";
import { isDisconnection } from "../../proto/rpc/rpc-error.ts";
import { type CliContext, CommandFailure } from "./context.ts";
import type { Operator } from "./operator-calls.ts";
import { printJsonLine } from "./print.ts";
import { formatProgress, formatStatus } from "./status-view.ts";

/** A restarted coordinator is back within seconds; after about a minute it is not restarting. */
export const reconnection = {
  retries: 30,
  minTimeout: 250,
  maxTimeout: 2_500,
  factor: 1.5,
} as const;

/**
 * Shows a sweep's progress until it has no run left to end: redrawn in place on a terminal, a line
 * for each change elsewhere, a JSON object a line with `json`. Survives a restart of the coordinator.
 *
 * @throws CommandFailure when runs ended without a result
 */
export async function watchSweep(
  operator: Operator,
  sweep: string,
  json: boolean,
  context: CliContext,
): Promise<void> {
  const view = openView(json, context);
  let last: GetSweepStatusResponse | undefined;
  try {
    await pRetry(
      async () => {
        for await (const { status } of operator.watchSweep({ sweep })) {
          if (status === undefined) continue;
          last = status;
          view.show(status);
        }
      },
      {
        ...reconnection,
        // The first failure of all is a wrong address rather than a restart.
        shouldRetry: ({ error }) => last !== undefined && isDisconnection(error),
      },
    );
  } finally {
    view.close();
  }
  const lost = runsWithoutResult(last);
  if (lost > 0) {
    throw new CommandFailure(
      `${lost} ${lost === 1 ? "run has" : "runs have"} ended without a result; \`sweep runs ${sweep}\` says why`,
    );
  }
}

function runsWithoutResult(status: GetSweepStatusResponse | undefined): number {
  const counts = status?.sweep?.counts;
  return counts === undefined ? 0 : counts.cancelled + counts.unplaceable + counts.exhausted;
}

/** A place where each new state of a sweep is shown. */
interface View {
  show(status: GetSweepStatusResponse): void;
  close(): void;
}

function openView(json: boolean, { stdout }: CliContext): View {
  if (json) {
    return {
      show: (status) => printJsonLine(stdout, GetSweepStatusResponseSchema, status),
      close: () => {},
    };
  }
  if (stdout.isTTY && stdout === process.stdout) {
    const update = createLogUpdate(process.stdout);
    return { show: (status) => update(formatStatus(status)), close: () => update.done() };
  }
  // The ETA moves on its own; a line that differs in nothing else would be noise in a log.
  let shown = "";
  return {
    show(status) {
      const line = formatProgress(status);
      const facts = line.replace(/, ETA .*$/, "");
      if (facts !== shown) stdout.write(`${line}\n`);
      shown = facts;
    },
    close: () => {},
  };
}
