import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import { taskLanguageSchema, taskLanguages } from "../../proto/task/task-definition.ts";
import { TaskFolderError } from "../../proto/task/task-folder.ts";
import { command } from "./command.ts";
import { type CliContext, UsageError } from "./context.ts";
import { taskRootsOf } from "./folders.ts";

/** `sweep tasks new`. */
export function tasksNewCommand({ stdout, environment }: CliContext): Command {
  return command({
    usage: "new <name>",
    summary: "start a task",
    description:
      "Lays out a small task that works, in the first folder of tasks: instruction, workspace, judge, driver, " +
      "reference, a right and a wrong variant. Rewrite it piece by piece; `sweep tasks check NAME` prints what is open.",
    examples: [["tasks new p4_rate_limiter --language python", "a task in Python"]],
  })
    .addOption(
      new Option("--language <language>", "language of the task")
        .choices([...taskLanguages])
        .makeOptionMandatory(),
    )
    .action(async (name: string, options: { language: string }) => {
      const { createTask, NewTaskError } = await import("../../grader/new-task.ts");
      const [into = ""] = taskRootsOf({ environment });
      try {
        const folder = await createTask({
          into,
          id: name,
          language: taskLanguageSchema.parse(options.language),
          uuid: randomUUID(),
        });
        stdout.write(`${folder}\nnow: sweep tasks check ${name}\n`);
      } catch (error) {
        if (!(error instanceof NewTaskError || error instanceof TaskFolderError)) throw error;
        throw new UsageError(error.message, { cause: error });
      }
    });
}
