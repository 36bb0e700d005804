import type { Command } from "commander";
import { SetSweepStateResponseSchema, SweepState } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import type { CliContext } from "./context.ts";
import { withOperator } from "./operator-calls.ts";
import { printJson } from "./print.ts";
import { sweepStateName } from "./status-view.ts";

/** `sweep pause`: no new runs start; those that run go on. */
export function pauseCommand(context: CliContext): Command {
  return setsState(context, SweepState.PAUSED, {
    usage: "pause <sweep>",
    summary: "start no new runs of a sweep",
    description: "Starts no new runs of a sweep. Runs that are being executed go on to their end.",
    examples: [["pause nightly", "leave the nodes to other sweeps"]],
  });
}

/** `sweep resume`: undoes a pause. */
export function resumeCommand(context: CliContext): Command {
  return setsState(context, SweepState.ACTIVE, {
    usage: "resume <sweep>",
    summary: "continue a paused sweep",
    description: "Continues a paused sweep where it stopped.",
    examples: [["resume nightly", "hand out its runs again"]],
  });
}

/** `sweep cancel`: ends a sweep for good. */
export function cancelCommand(context: CliContext): Command {
  return setsState(context, SweepState.CANCELLED, {
    usage: "cancel <sweep>",
    summary: "end a sweep for good",
    description:
      "Ends a sweep for good: runs that are being executed are stopped, results it has are kept.",
    examples: [["cancel nightly", "stop its runs on all nodes"]],
  });
}

function setsState(
  context: CliContext,
  state: SweepState,
  definition: Parameters<typeof command>[0],
): Command {
  return asksCoordinator(command(definition)).action((sweep: string, options: OperatorOptions) =>
    withOperator(options.coordinator, context, async (operator) => {
      const response = await operator.setSweepState({ sweep, state });
      if (options.json) printJson(context.stdout, SetSweepStateResponseSchema, response);
      else {
        const name = response.sweep?.name ?? sweep;
        context.stdout.write(`${name} is ${sweepStateName(response.sweep?.state ?? state)}\n`);
      }
    }),
  );
}
