import type { Command } from "commander";
import {
  type RequeueRunsResponse,
  RequeueRunsResponseSchema,
} from "../../proto/gen/sweep/v1/operator_pb.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import { type CliContext, UsageError } from "./context.ts";
import { withOperator } from "./operator-calls.ts";
import { formatTable, printJson } from "./print.ts";

interface RequeueOptions extends OperatorOptions {
  readonly reached?: boolean;
  readonly yes?: boolean;
}

/** `sweep requeue`: new attempts for runs whose agents reached the grader. */
export function requeueCommand(context: CliContext): Command {
  return asksCoordinator(
    command({
      usage: "requeue <targets...>",
      summary: "make runs again whose agents reached the grader",
      description:
        "Makes new attempts at runs whose agents reached the grader, as `sweep audit` says: of a sweep, " +
        "or of the runs named by their numbers. What they left stays on record, marked and never counted. " +
        "Nothing else can be made again, since then results could be picked. Shows the runs first; --yes " +
        "does it.",
      examples: [
        ["requeue demo --reached", "which runs these are; changes nothing"],
        ["requeue demo --reached --yes", "put their results aside and run them again"],
        ["requeue 17 23 --reached --yes", "these two alone"],
      ],
    }),
  )
    .option("--reached", "the runs whose agents reached the grader; no others can be made again")
    .option("--yes", "do it, rather than show what would be done")
    .action((targets: string[], options: RequeueOptions) => {
      if (options.reached !== true) {
        throw new UsageError(
          "say --reached: only runs whose agents reached the grader are made again",
        );
      }
      return withOperator(options.coordinator, context, async (operator) => {
        const response = await operator.requeueRuns({ targets, confirmed: options.yes ?? false });
        if (options.json) printJson(context.stdout, RequeueRunsResponseSchema, response);
        else context.stdout.write(formatRequeued(response));
      });
    });
}

function formatRequeued({ runs, done }: RequeueRunsResponse): string {
  if (runs.length === 0) return "no run reached the grader; nothing to make again\n";
  const rows = runs.map((run) => [
    run.runId,
    run.sweepName,
    run.model,
    run.harness,
    run.task,
    run.seed,
    run.attemptNumber,
  ]);
  const table = formatTable(
    ["run", "sweep", "model", "harness", "task", "seed", "attempt put aside"],
    rows,
  );
  const what = runs.length === 1 ? "1 run" : `${runs.length} runs`;
  return done
    ? `${table}${what} pending again; what they left stays on record and does not count\n`
    : `${table}${what} would be made again; nothing is changed yet, --yes does it\n`;
}
