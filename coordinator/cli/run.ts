import type { Command } from "commander";
import { SubmitSweepResponseSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import type { CliContext } from "./context.ts";
import { withOperator } from "./operator-calls.ts";
import { printJson, printJsonLine } from "./print.ts";
import { readSweepText } from "./sweep-text.ts";
import { watchSweep } from "./watch.ts";

/** A sweep may have a million runs, which are stored in one transaction. */
const submitLimitMs = 300_000;

interface RunOptions extends OperatorOptions {
  readonly watch?: boolean;
  readonly amend?: boolean;
  readonly name?: string;
}

/** `sweep run`: submits a sweep file. */
export function runCommand(context: CliContext): Command {
  return asksCoordinator(
    command({
      usage: "run <file>",
      summary: "submit a sweep",
      description:
        "Submits a sweep: its runs are stored at once and executed as nodes become free. The name in " +
        "the file identifies it; submitting a name again is refused unless --amend adds to it.",
      examples: [
        ["run my.yaml --watch", "submit, and show progress until the last run has ended"],
        ["run my.yaml --amend", "add the cells and seeds that the file has gained"],
        ["run my.yaml --name second-try", "run the same file again as a sweep of its own"],
      ],
    }),
  )
    .option("--watch", "show progress until the sweep has ended")
    .option("--amend", "add new runs to the sweep of this name; runs it has stay as they are")
    .option("--name <name>", "store the sweep under this name instead of the file's")
    .action((file: string, options: RunOptions) => {
      const text = readSweepText(file, context);
      return withOperator(options.coordinator, context, async (operator) => {
        const { amend = false, name = "" } = options;
        const request = { fileName: file, text, amend, name };
        const submitted = await operator.submitSweep(request, { deadlineMs: submitLimitMs });
        const { sweepName, runsAdded, runsTotal } = submitted;
        if (options.json) {
          const print = options.watch ? printJsonLine : printJson;
          print(context.stdout, SubmitSweepResponseSchema, submitted);
        } else {
          context.stdout.write(
            `${sweepName}: ${runsAdded} ${runsAdded === 1 ? "run" : "runs"} added, ${runsTotal} in all\n`,
          );
        }
        if (options.watch) await watchSweep(operator, sweepName, options.json ?? false, context);
        else if (!options.json) {
          context.stdout.write(`\`sweep status ${sweepName} --watch\` shows its progress\n`);
        }
      });
    });
}
