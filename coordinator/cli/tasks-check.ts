import { mkdtemp } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { VariantCheck } from "../../grader/check-tasks.ts";
import { removeTree } from "../../proto/remove-tree.ts";
import { findTaskFolders, TaskFolderError } from "../../proto/task/task-folder.ts";
import { command } from "./command.ts";
import { type CliContext, CommandFailure, UsageError } from "./context.ts";
import { taskRootsOf } from "./folders.ts";
import { safeJson } from "./safe-text.ts";
import { formatChecklist, formatMatrix } from "./tasks-matrix.ts";

/** `sweep tasks check`. */
export function tasksCheckCommand({ stdout, environment }: CliContext): Command {
  return command({
    usage: "check [ids...]",
    summary: "prove that each task accepts what is right and rejects what is wrong",
    description:
      "Grades every variant of each task in the sandbox and with the hidden tests that runs get: the " +
      "untouched workspace, the reference solution, other right solutions, and wrong ones, each of " +
      "which must fail the checks that solution/variants.toml names. Each is graded several times, so " +
      "that flaky checks show. Prints a matrix and each task's checklist; ends with 1 if a row does not hold.",
    examples: [
      ["tasks check", "all tasks"],
      ["tasks check rs1_arena --repeats 1", "this one, quickly"],
    ],
  })
    .option("--repeats <count>", "gradings of each variant", countFrom, 3)
    .option("--jobs <count>", "gradings at once", countFrom, availableParallelism())
    .option("--json", "print JSON for programs, one variant a line")
    .action(async (ids: string[], options: { repeats: number; jobs: number; json?: boolean }) => {
      const roots = taskRootsOf({ environment });
      const failing: VariantCheck[] = [];
      for await (const rows of checkOnThisMachine(roots, ids, options)) {
        failing.push(...rows.filter(({ faults }) => faults.length > 0));
        if (options.json) for (const row of rows) stdout.write(`${safeJson(plainRow(row))}\n`);
        else stdout.write(`${formatMatrix(rows)}${await checklistText(roots, rows)}\n`);
      }
      if (failing.length > 0) {
        const names = failing.map(({ task, variant }) => `${task} ${variant.name}`);
        throw new CommandFailure(`${names.length} of the rows do not hold: ${names.join(", ")}`);
      }
    });
}

function countFrom(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 1_000) return count;
  throw new InvalidArgumentError("accepted: a whole number from 1 to 1000");
}

/** The rows of one task after the other. */
async function* checkOnThisMachine(
  roots: readonly string[],
  ids: readonly string[],
  { repeats, jobs }: { readonly repeats: number; readonly jobs: number },
): AsyncGenerator<readonly VariantCheck[]> {
  const { checkTasks } = await import("../../grader/check-tasks.ts");
  const { platformSandbox } = await import("../../proto/sandbox/platform-sandbox.ts");
  const { findToolchains } = await import("../../proto/toolchains.ts");
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new CommandFailure("interrupted"));
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  const [sandbox, toolchains] = await Promise.all([platformSandbox(), findToolchains()]);
  const scratchFolder = await mkdtemp(join(tmpdir(), "sweep-tasks-"));
  try {
    let rows: VariantCheck[] = [];
    for await (const row of checkTasks({
      roots,
      ids,
      repeats,
      jobs,
      scratchFolder,
      machine: { sandbox, toolchains },
      signal: interrupted.signal,
    })) {
      if (rows.length > 0 && rows[0]?.task !== row.task) {
        yield rows;
        rows = [];
      }
      rows.push(row);
    }
    if (rows.length > 0) yield rows;
  } catch (error) {
    if (!(error instanceof TaskFolderError)) throw error;
    throw new UsageError(error.message, { cause: error });
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    await removeTree(scratchFolder);
  }
}

/** A row for programs: what each grading found, without the text of every check. */
function plainRow({ task, variant, grades, faults }: VariantCheck): unknown {
  return {
    task,
    kind: variant.kind,
    variant: variant.name,
    expected: variant.expected,
    caughtBy: variant.caughtBy,
    ok: faults.length === 0,
    faults,
    grades: grades.map(({ outcome, reason, seconds, checks }) => ({
      outcome,
      reason,
      seconds,
      checks: checks.length,
      failed: checks.filter(({ passed }) => !passed).map(({ name }) => name),
    })),
  };
}

async function checklistText(
  roots: readonly string[],
  rows: readonly VariantCheck[],
): Promise<string> {
  const { checklistOf } = await import("../../grader/task-checklist.ts");
  const folder = (await findTaskFolders(roots)).get(rows[0]?.task ?? "");
  if (folder === undefined) return "";
  try {
    return formatChecklist(await checklistOf(folder, rows));
  } catch (error) {
    // The row says why it is no task.
    if (error instanceof TaskFolderError) return "";
    throw error;
  }
}
