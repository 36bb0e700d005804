import type { Command } from "commander";
import { ListRunsResponseSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { withRunText } from "./agent-text.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import type { CliContext } from "./context.ts";
import { withOperator } from "./operator-calls.ts";
import { formatTable, printJson } from "./print.ts";

/** A large sweep's list takes the database a while. */
const listLimitMs = 120_000;

interface RunsOptions extends OperatorOptions {
  readonly model?: string;
  readonly harness?: string;
  readonly task?: string;
  readonly state?: string;
  readonly content?: boolean;
}

/** `sweep runs`: the runs of a sweep. */
export function runsCommand(context: CliContext): Command {
  return asksCoordinator(
    command({
      usage: "runs <sweep>",
      summary: "list the runs of a sweep",
      description:
        "Lists the runs of a sweep, one line each, as the SQL view run_results has them. The options " +
        "narrow the list; several of them must all hold.",
      examples: [
        ["runs demo", "every run"],
        ["runs demo --harness pi --state graded", "the results of one harness"],
        ["runs demo --json", "every run for programs"],
      ],
    }),
  )
    .option("--model <name>", "only runs of this model, as `sweep results` prints it")
    .option("--harness <name>", "only runs of this harness")
    .option("--task <name>", "only runs of this task")
    .option("--state <state>", "only runs in this state, for example pending, running or graded")
    .option("--content", "show reasons that quote the harness, made safe for a terminal")
    .action((sweep: string, options: RunsOptions) =>
      withOperator(options.coordinator, context, async (operator) => {
        const { model = "", harness = "", task = "", state = "", content = false } = options;
        const request = { sweep, model, harness, task, state };
        const response = await operator.listRuns(request, { deadlineMs: listLimitMs });
        const runs = response.runs.map((run) => withRunText(run, content));
        if (options.json) {
          printJson(context.stdout, ListRunsResponseSchema, { ...response, runs });
          return;
        }
        const rows = runs.map((run) => [
          run.runId,
          run.model,
          run.harness,
          run.task,
          run.seed,
          run.state,
          run.outcome,
          run.audit,
          run.agentSeconds?.toFixed(1),
          run.attempts,
          run.nodeName,
          run.reason,
        ]);
        context.stdout.write(formatTable(heads, rows));
      }),
    );
}

const heads = [
  "run",
  "model",
  "harness",
  "task",
  "seed",
  "state",
  "outcome",
  "audit",
  "seconds",
  "attempts",
  "node",
  "reason",
];
