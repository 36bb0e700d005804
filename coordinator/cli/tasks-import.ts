import { basename, resolve } from "node:path";
import { type Command, Option } from "commander";
import { taskLanguageSchema, taskLanguages } from "../../proto/task/task-definition.ts";
import { TaskFolderError } from "../../proto/task/task-folder.ts";
import { command } from "./command.ts";
import { type CliContext, UsageError } from "./context.ts";
import { taskRootsOf } from "./folders.ts";

/** `sweep tasks import`. */
export function tasksImportCommand({ stdout, environment, folder }: CliContext): Command {
  return command({
    usage: "import <folder>",
    summary: "take in a task in Harbor's layout that needs no Docker",
    description:
      "Copies a task from elsewhere into the first folder of tasks, with what this program has to know " +
      "added to its task.toml. A task that asks for what is not here (containers beyond files and known " +
      "packages, a network, services, several steps) is refused with every feature that stands in the way. " +
      'Its tests run beside the code they judge (isolation = "shared"), so its verdicts are only as good as ' +
      "the code is honest. `sweep tasks check` says whether it works.",
    examples: [["tasks import ~/harbor/sum-two", "as task sum-two"]],
  })
    .addOption(
      new Option(
        "--language <language>",
        "language of the task, else what its files look like",
      ).choices([...taskLanguages]),
    )
    .option("--name <id>", "name of the new task, else that of the folder")
    .action(async (from: string, options: { language?: string; name?: string }) => {
      const { importTask } = await import("../../grader/import-task/import-task.ts");
      const { TaskImportError } = await import("../../grader/import-task/obstacle.ts");
      const [into = ""] = taskRootsOf({ environment });
      const source = resolve(folder, from);
      try {
        const target = await importTask({
          from: source,
          into,
          id: options.name ?? basename(source),
          language: taskLanguageSchema.optional().parse(options.language),
        });
        stdout.write(`${target}\nnow: sweep tasks check ${basename(target)}\n`);
      } catch (error) {
        if (!(error instanceof TaskImportError || error instanceof TaskFolderError)) throw error;
        throw new UsageError(error.message, { cause: error });
      }
    });
}
