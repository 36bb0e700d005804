import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { removeTree } from "../../proto/remove-tree.ts";
import { TaskFolderError } from "../../proto/task/task-folder.ts";
import { command } from "./command.ts";
import { type CliContext, CommandFailure, UsageError } from "./context.ts";
import { taskRootsOf } from "./folders.ts";
import { safeJson, safeLine } from "./safe-text.ts";

/** `sweep tasks`: what is done with task folders. */
export function tasksCommand(context: CliContext): Command {
  return new Command("tasks")
    .summary("check the task folders")
    .description(
      "Works on task folders: those of SWEEP_TASKS (joined by `:`), else the installation's.",
    )
    .addHelpText("after", "\nExamples:\n  sweep tasks check   prove that every task holds")
    .addCommand(checkCommand(context));
}

function checkCommand({ stdout, environment }: CliContext): Command {
  return command({
    usage: "check [ids...]",
    summary: "prove that each task's solution passes and its untouched workspace fails",
    description:
      "Grades each task twice, in the sandbox and with the hidden tests that runs get: with its " +
      "reference solution, which must pass, and with its untouched workspace, which must fail. " +
      "Ends with 1 if a task does not hold.",
    examples: [
      ["tasks check", "all tasks"],
      ["tasks check rs1_arena c1_ring_buffer", "these two"],
    ],
  })
    .option("--json", "print JSON for programs, one object a line")
    .action(async (ids: string[], options: { json?: boolean }) => {
      let failures = 0;
      for await (const row of checkOnThisMachine(taskRootsOf({ environment }), ids)) {
        if (!row.ok) failures += 1;
        stdout.write(`${options.json ? safeJson(row) : formatRow(row)}\n`);
      }
      if (failures > 0) {
        throw new CommandFailure(
          `${failures} ${failures === 1 ? "check does" : "checks do"} not hold`,
        );
      }
    });
}

async function* checkOnThisMachine(roots: readonly string[], ids: readonly string[]) {
  const { checkTasks } = await import("../../grader/check-tasks.ts");
  const { platformSandbox } = await import("../../proto/sandbox/platform-sandbox.ts");
  const { findToolchains } = await import("../../proto/toolchains.ts");
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new CommandFailure("interrupted"));
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  const [sandbox, toolchains] = await Promise.all([platformSandbox(), findToolchains()]);
  const scratchFolder = await mkdtemp(join(tmpdir(), "sweep-tasks-"));
  try {
    yield* checkTasks({
      roots,
      ...(ids.length === 0 ? {} : { ids }),
      scratchFolder,
      machine: { sandbox, toolchains },
      signal: interrupted.signal,
    });
  } catch (error) {
    if (!(error instanceof TaskFolderError)) throw error;
    throw new UsageError(error.message, { cause: error });
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
    await removeTree(scratchFolder);
  }
}

type Row =
  ReturnType<typeof checkOnThisMachine> extends AsyncGenerator<infer Value> ? Value : never;

function formatRow(row: Row): string {
  const verdict = row.ok ? "ok" : `NOT OK, expected ${row.expected}`;
  const reason = row.ok || row.reason === "" ? "" : `: ${safeLine(row.reason)}`;
  return (
    `${row.task} ${row.what}: ${row.outcome}, ${row.checksPassed} of ${row.checksTotal} checks ` +
    `in ${row.seconds.toFixed(1)} s, ${verdict}${reason}`
  );
}
