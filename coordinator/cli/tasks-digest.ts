import type { Command } from "commander";
import {
  chooseTaskFolders,
  loadTask,
  packHiddenHalf,
  packPublicHalf,
  TaskFolderError,
} from "../../proto/task/task-folder.ts";
import { command } from "./command.ts";
import { type CliContext, UsageError } from "./context.ts";
import { taskRootsOf } from "./folders.ts";
import { formatTable } from "./print.ts";
import { safeJson } from "./safe-text.ts";

/** `sweep tasks digest`. */
export function tasksDigestCommand({ stdout, environment }: CliContext): Command {
  return command({
    usage: "digest [ids...]",
    summary: "print what identifies the versions of tasks",
    description:
      "Prints the SHA-256 of both halves of each task: the public one (instruction.md, task.toml, " +
      "environment) and the hidden one (tests, solution). The two are the task's version as results name " +
      "it; they can be published without the content, to show later that it was not changed.",
    examples: [["tasks digest", "all tasks of SWEEP_TASKS"]],
  })
    .option("--json", "print JSON for programs, one task a line")
    .action(async (ids: string[], options: { json?: boolean }) => {
      const rows = await digests(taskRootsOf({ environment }), ids);
      stdout.write(
        options.json
          ? rows.map((row) => `${safeJson(row)}\n`).join("")
          : formatTable(
              ["task", "public half", "hidden half"],
              rows.map(({ task, publicDigest, hiddenDigest }) => [
                task,
                publicDigest,
                hiddenDigest,
              ]),
            ),
      );
    });
}

interface TaskDigests {
  readonly task: string;
  readonly publicDigest: string;
  readonly hiddenDigest: string;
}

async function digests(roots: readonly string[], ids: readonly string[]): Promise<TaskDigests[]> {
  try {
    const rows: TaskDigests[] = [];
    for (const [id, folder] of await chooseTaskFolders(roots, ids)) {
      const task = await loadTask(folder);
      rows.push({
        task: id,
        publicDigest: (await packPublicHalf(task)).contentDigest,
        hiddenDigest: (await packHiddenHalf(task)).contentDigest,
      });
    }
    return rows;
  } catch (error) {
    if (!(error instanceof TaskFolderError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}
