import type { Command } from "commander";
import { SetNodeDrainingResponseSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import type { CliContext } from "./context.ts";
import { nodeState } from "./nodes.ts";
import { withOperator } from "./operator-calls.ts";
import { printJson } from "./print.ts";

/** `sweep drain`: takes a node out of service without losing what it is doing. */
export function drainCommand(context: CliContext): Command {
  return asksCoordinator(
    command({
      usage: "drain <node>",
      summary: "give a node no new runs, or with --off new ones again",
      description:
        "Gives a node no new runs; the run it is executing goes on to its end. The node stays in this " +
        "state, restarts included, until it is drained with --off.",
      examples: [
        ["drain studio-2", "before its owner needs the machine"],
        ["drain studio-2 --off", "back into service"],
      ],
    }),
  )
    .option("--off", "give it new runs again")
    .action((node: string, options: OperatorOptions & { off?: boolean }) =>
      withOperator(options.coordinator, context, async (operator) => {
        const draining = options.off !== true;
        const response = await operator.setNodeDraining({ node, draining });
        if (options.json) printJson(context.stdout, SetNodeDrainingResponseSchema, response);
        else {
          const state = response.node === undefined ? "set" : nodeState(response.node);
          context.stdout.write(`${response.node?.name ?? node}: ${state}\n`);
        }
      }),
    );
}
