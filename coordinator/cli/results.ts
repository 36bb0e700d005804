import type { Command } from "commander";
import {
  type CombinationResult,
  ListCombinationResultsResponseSchema,
  type MixedTask,
} from "../../proto/gen/sweep/v1/operator_pb.ts";
import { percentHalfEven } from "../stats/wilson.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import type { CliContext } from "./context.ts";
import { withOperator } from "./operator-calls.ts";
import { formatTable, printJson } from "./print.ts";
import { safeLine } from "./safe-text.ts";

/** `sweep results`: which model and harness solve how much, and how sure that is. */
export function resultsCommand(context: CliContext): Command {
  return asksCoordinator(
    command({
      usage: "results <sweep>",
      summary: "show pass rates and seconds per model and harness",
      description:
        "Shows for each model and harness how many of the valid runs passed, the pass rate with its " +
        "95 % interval (Wilson), how many ended at a limit, the mean seconds of the harness, and whether " +
        "it was shut in. Runs lost to infrastructure failures are not valid and not counted. Where agents " +
        "reached the grader, those runs count as failed, and other ways to count them stand beside it.",
      examples: [
        ["results demo", "the table"],
        ["results demo --json", "the same for programs"],
      ],
    }),
  ).action((sweep: string, options: OperatorOptions) =>
    withOperator(options.coordinator, context, async (operator) => {
      const response = await operator.listCombinationResults({ sweep });
      if (options.json) printJson(context.stdout, ListCombinationResultsResponseSchema, response);
      else {
        context.stdout.write(formatResults(response.combinations));
        context.stdout.write(formatMixedTasks(response.mixedTasks));
      }
    }),
  );
}

/** The table of results, in the order given, and what must be known to read it. */
export function formatResults(combinations: readonly CombinationResult[]): string {
  const sum = (of: (result: CombinationResult) => number) =>
    combinations.reduce((total, result) => total + of(result), 0);
  const reached = sum((result) => result.reached);
  const unaudited = sum((result) => result.unaudited);
  const rows = combinations.map((result) => [
    result.model,
    result.harness,
    `${result.passed}/${result.valid}`,
    percentHalfEven(result.passed, result.valid),
    formatInterval(result),
    ...(reached === 0 ? [] : formatConventions(result)),
    result.timeouts,
    result.meanSeconds?.toFixed(1),
    result.planned - result.valid,
    result.sandbox,
  ]);
  const conventions = reached === 0 ? "" : "reached|as measured|excluded|bounds|";
  const head = `model|harness|passed|%|95 % interval|${conventions}at a limit|seconds|open|sandbox`;
  return [
    formatTable(head.split("|"), rows),
    ...(reached === 0
      ? []
      : [
          `${countOf(reached, "run")} reached the grader and count as failed in "passed" and "%"; "as measured" is by the hidden tests alone, ` +
            `"excluded" without these runs, "bounds" if they had all failed or all passed (all in %). \`sweep audit\` shows which\n`,
        ]),
    ...(unaudited === 0
      ? []
      : [`${countOf(unaudited, "run")} not audited yet: counted as measured\n`]),
  ].join("");
}

/** Warns of tasks that cells of the sweep have in several versions. */
function formatMixedTasks(mixed: readonly MixedTask[]): string {
  return mixed
    .map(({ task, versions }) => {
      const parts = versions.map(
        ({ hiddenDigest, publicDigest, combinations }) =>
          `  public ${publicDigest.slice(0, 12)}, hidden ${hiddenDigest.slice(0, 12)}: ${combinations.map(safeLine).join(", ")}\n`,
      );
      return `${safeLine(task)} is measured in ${versions.length} versions, between which results are not comparable:\n${parts.join("")}`;
    })
    .join("");
}

function formatConventions(result: CombinationResult): string[] {
  const { reached, reachedPassed, passed, valid } = result;
  return [
    reached === reachedPassed ? String(reached) : `${reached} (${reachedPassed} passed)`,
    percentHalfEven(passed + reachedPassed, valid) ?? "",
    percentHalfEven(passed, valid - reached) ?? "",
    `${percentHalfEven(passed, valid) ?? ""} - ${percentHalfEven(passed + reached, valid) ?? ""}`,
  ];
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function formatInterval({ rateLower, rateUpper }: CombinationResult): string {
  if (rateLower === undefined || rateUpper === undefined) return "";
  return `${(rateLower * 100).toFixed(1)} - ${(rateUpper * 100).toFixed(1)}`;
}
