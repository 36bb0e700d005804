import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PlanSweepResponseSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { harnessNames } from "../../proto/harness-names.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { cellsOf } from "../matrix.ts";
import { formatProblems } from "../sweep-file/problem.ts";
import { readSweepFile } from "../sweep-file/read.ts";
import { type CliContext, UsageError } from "./context.ts";

/**
 * The matrix of a sweep file, without placement. Tasks are those of SWEEP_TASKS (folders joined by
 * `:`), else of this installation.
 *
 * @throws {UsageError} with every problem of the file
 */
export function planWithoutCoordinator(
  fileName: string,
  text: string,
  { environment }: Pick<CliContext, "environment">,
): MessageInitShape<typeof PlanSweepResponseSchema> {
  const roots = (environment["SWEEP_TASKS"] ?? join(packageRoot, "tasks")).split(":");
  const reading = readSweepFile(text, { harnesses: harnessNames, tasks: roots.flatMap(taskNames) });
  if (reading.kind === "invalid") throw new UsageError(formatProblems(fileName, reading.problems));
  const { sweep, missingTasks } = reading;
  const cells = cellsOf(sweep);
  return {
    sweepName: sweep.name,
    models: new Set(cells.map(({ model }) => model.label)).size,
    harnesses: new Set(cells.map(({ harness }) => harness)).size,
    tasks: new Set(cells.map(({ task }) => task)).size,
    seeds: sweep.seeds.length,
    cells: cells.length,
    runs: cells.length * sweep.seeds.length,
    missingTasks: missingTasks.map((problem) => formatProblems(fileName, [problem])),
  };
}

function taskNames(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root).filter((name) => existsSync(join(root, name, "task.toml")));
}
