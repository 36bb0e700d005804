import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import { ListSweepsResponseSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import type { CliContext } from "./context.ts";
import { withOperator } from "./operator-calls.ts";
import { formatTable, printJson } from "./print.ts";
import { endedRuns, sweepStateName } from "./status-view.ts";

/** `sweep list`: the sweeps of a lab. */
export function listCommand(context: CliContext): Command {
  return asksCoordinator(
    command({
      usage: "list",
      summary: "list the sweeps",
      description: "Lists every sweep that was submitted, with its state and how far it is.",
      examples: [
        ["list", "all sweeps"],
        ["list --json", "the same for programs"],
      ],
    }),
  ).action((options: OperatorOptions) =>
    withOperator(options.coordinator, context, async (operator) => {
      const response = await operator.listSweeps({});
      if (options.json) {
        printJson(context.stdout, ListSweepsResponseSchema, response);
        return;
      }
      if (response.sweeps.length === 0) {
        context.stdout.write("no sweep has been submitted; `sweep run FILE` submits one\n");
        return;
      }
      const rows = response.sweeps.map(({ name, state, counts, createdAt }) => [
        name,
        sweepStateName(state),
        counts === undefined ? "" : `${endedRuns(counts)}/${counts.total}`,
        counts?.passed,
        counts?.failed,
        createdAt === undefined ? "" : timestampDate(createdAt).toISOString(),
      ]);
      const head = ["sweep", "state", "done", "passed", "failed", "submitted"];
      context.stdout.write(formatTable(head, rows));
    }),
  );
}
