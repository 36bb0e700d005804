import { create } from "@bufbuild/protobuf";
import type { Command } from "commander";
import {
  type PlanSweepResponse,
  PlanSweepResponseSchema,
  type Unplaceable,
} from "../../proto/gen/sweep/v1/operator_pb.ts";
import { harnessNames } from "../../proto/harness-names.ts";
import { planMessage } from "../operator/plan-message.ts";
import { sweepReader } from "../operator/sweep-reader.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import type { CliContext } from "./context.ts";
import { taskRootsOf } from "./folders.ts";
import { findLab } from "./lab-address.ts";
import { type Operator, withOperatorAt } from "./operator-calls.ts";
import { formatTable, printJson } from "./print.ts";
import { safeLine } from "./safe-text.ts";
import { readSweepText } from "./sweep-text.ts";

/** `sweep plan`: what a sweep file would be and where its runs would go. */
export function planCommand(context: CliContext): Command {
  return asksCoordinator(
    command({
      usage: "plan <file>",
      summary: "show a sweep's matrix and placement, changing nothing",
      description:
        "Reads a sweep file and shows how many runs it makes, which node would run what, and what " +
        "no node can run and why. Without any coordinator to ask, only the matrix is shown.",
      examples: [
        ["plan deploy/examples/study.yaml", "count the runs of the published study's matrix"],
        ["plan my.yaml --offline", "check a file without asking a coordinator"],
      ],
    }),
  )
    .option("--offline", "check and count only, with the tasks of this installation")
    .action(async (file: string, options: OperatorOptions & { offline?: boolean }) => {
      const text = readSweepText(file, context);
      const lab = options.offline ? undefined : findLab(options.coordinator, context);
      const plan =
        lab === undefined
          ? await planWithoutCoordinator(file, text, context)
          : await withOperatorAt(lab, (operator: Operator) =>
              operator.planSweep({ fileName: file, text }),
            );
      if (options.json) printJson(context.stdout, PlanSweepResponseSchema, plan);
      else context.stdout.write(formatPlan(plan, lab !== undefined));
    });
}

/**
 * The matrix alone, with the tasks of SWEEP_TASKS (folders joined by `:`), else of this installation.
 *
 * @throws SweepFileError with every problem of the file
 */
async function planWithoutCoordinator(
  fileName: string,
  text: string,
  context: Pick<CliContext, "environment">,
): Promise<PlanSweepResponse> {
  const reader = sweepReader(taskRootsOf(context), harnessNames);
  const reading = await reader.readDefinition(fileName, text);
  return create(PlanSweepResponseSchema, {
    ...planMessage(reading, []),
    unplaceable: [],
  });
}

/** A plan for people. */
function formatPlan(plan: PlanSweepResponse, isPlaced: boolean): string {
  const perSeed = plan.seeds > 1 ? ` (${plan.cells} runs per seed)` : "";
  const parts = [
    `${plan.sweepName}: ${plan.models} models x ${plan.harnesses} harnesses x ${plan.tasks} tasks, ` +
      `${plan.cells} cells x ${plan.seeds} ${plan.seeds === 1 ? "seed" : "seeds"} = ${plan.runs} runs${perSeed}\n`,
  ];
  if (plan.missingTasks.length > 0) {
    const sentences = plan.missingTasks.map((sentence) => `  ${safeLine(sentence)}\n`);
    parts.push(`It cannot be submitted yet, for want of tasks:\n${sentences.join("")}`);
  }
  if (!isPlaced) {
    parts.push("No coordinator was asked, so that nothing is said about placement.\n");
  } else if (plan.nodes.length === 0) {
    parts.push("No node is known, so that no run has a place yet.\n");
  } else {
    const rows = plan.nodes.map((node) => [node.nodeName, node.runs, node.models.join(", ")]);
    parts.push(formatTable(["node", "runs", "models, in order"], rows));
  }
  if (plan.unplaceable.length > 0) {
    parts.push(`No node can run:\n${formatRunsWithReasons(plan.unplaceable)}`);
  }
  return parts.join("\n");
}

/** Runs that have no node, now or ever, with the reasons. */
export function formatRunsWithReasons(groups: readonly Unplaceable[]): string {
  const rows = groups.map(({ model, harness, runs, reasons }) => [
    model,
    harness,
    runs,
    reasons.join("; "),
  ]);
  return formatTable(["model", "harness", "runs", "why"], rows);
}
