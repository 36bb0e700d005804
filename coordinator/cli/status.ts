import type { Command } from "commander";
import { GetSweepStatusResponseSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import type { CliContext } from "./context.ts";
import { withOperator } from "./operator-calls.ts";
import { formatRunsWithReasons } from "./plan.ts";
import { printJson } from "./print.ts";
import { formatStatus } from "./status-view.ts";
import { watchSweep } from "./watch.ts";

/** `sweep status`: how far a sweep is. */
export function statusCommand(context: CliContext): Command {
  return asksCoordinator(
    command({
      usage: "status <sweep>",
      summary: "show how far a sweep is",
      description:
        "Shows a sweep's runs by state, what each node is doing, and what waits and why.",
      examples: [
        ["status demo", "the state now"],
        ["status demo --watch", "the state until the sweep has ended"],
      ],
    }),
  )
    .option("--watch", "show progress until the sweep has ended")
    .action((sweep: string, options: OperatorOptions & { watch?: boolean }) =>
      withOperator(options.coordinator, context, async (operator) => {
        if (options.watch) {
          await watchSweep(operator, sweep, options.json ?? false, context);
          return;
        }
        const status = await operator.getSweepStatus({ sweep });
        if (options.json) printJson(context.stdout, GetSweepStatusResponseSchema, status);
        else {
          context.stdout.write(`${formatStatus(status)}\n`);
          if (status.waiting.length > 0) {
            context.stdout.write(`Waiting:\n${formatRunsWithReasons(status.waiting)}`);
          }
        }
      }),
    );
}
