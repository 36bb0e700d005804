import { Command } from "commander";
import type { CliContext } from "./context.ts";
import { tasksCheckCommand } from "./tasks-check.ts";
import { tasksDigestCommand } from "./tasks-digest.ts";
import { tasksImportCommand } from "./tasks-import.ts";
import { tasksNewCommand } from "./tasks-new.ts";

/** `sweep tasks`: what is done with task folders. */
export function tasksCommand(context: CliContext): Command {
  return new Command("tasks")
    .summary("check, start and take in tasks")
    .description(
      "Works on task folders: those of SWEEP_TASKS (joined by `:`), else the installation's.",
    )
    .addHelpText("after", "\nExamples:\n  sweep tasks check   prove that every task holds")
    .addCommand(tasksCheckCommand(context))
    .addCommand(tasksNewCommand(context))
    .addCommand(tasksImportCommand(context))
    .addCommand(tasksDigestCommand(context));
}
