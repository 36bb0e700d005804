import { Command, CommanderError } from "commander";
import { PROGRAM_VERSION } from "../../proto/version.ts";
import { SweepFileError } from "../operator/sweep-reader.ts";
import { auditCommand } from "./audit.ts";
import { type CliContext, CommandFailure, UsageError } from "./context.ts";
import { devCommand } from "./dev.ts";
import { doctorCommand } from "./doctor.ts";
import { drainCommand } from "./drain.ts";
import { listCommand } from "./list.ts";
import { modelsCommand } from "./models.ts";
import { nodesCommand } from "./nodes.ts";
import { planCommand } from "./plan.ts";
import { regradeCommand } from "./regrade.ts";
import { requeueCommand } from "./requeue.ts";
import { resultsCommand } from "./results.ts";
import { coordinatorCommand, graderCommand, nodeCommand } from "./roles.ts";
import { runCommand } from "./run.ts";
import { runsCommand } from "./runs.ts";
import { safeText } from "./safe-text.ts";
import { showCommand } from "./show.ts";
import { statusCommand } from "./status.ts";
import { cancelCommand, pauseCommand, resumeCommand } from "./sweep-state.ts";
import { tasksCommand } from "./tasks.ts";
import { toolchainsCommand } from "./toolchains.ts";
import { traceCommand } from "./trace.ts";

/**
 * Runs one command line.
 *
 * @param argv the words after the program's name
 * @returns the exit code: 0 fine, 1 a failure (one paragraph is on stderr), 2 wrong usage or input
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  try {
    await sweepProgram(context).parseAsync(argv, { from: "user" });
    return 0;
  } catch (error) {
    // commander has printed its own complaint, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const isWrongInput = error instanceof UsageError || error instanceof SweepFileError;
    if (!isWrongInput && !(error instanceof CommandFailure)) throw error;
    context.stderr.write(`sweep: ${safeText(error.message)}\n`);
    return isWrongInput ? 2 : 1;
  }
}

function sweepProgram(context: CliContext): Command {
  const program = new Command("sweep")
    .description(
      "Measures which pairs of a local model and a coding agent solve which tasks, on the machines of " +
        "a lab. A sweep is a YAML file; a lab is a coordinator, nodes and graders.",
    )
    .version(PROGRAM_VERSION)
    .addHelpText(
      "after",
      `
A first look, on this machine alone:
  sweep dev --sweep deploy/demo/sweep.yaml --exit   a whole lab, a small sweep, its results

With a lab (address from --coordinator, SWEEP_COORDINATOR, or .sweep/lab.json here or above):
  sweep plan my.yaml                                what would run, where, and what cannot
  sweep run my.yaml --watch                         submit it and watch
  sweep results my-sweep                            pass rates with their intervals

\`sweep help <command>\` explains a command with examples. Exit codes: 0 fine, 1 failure, 2 wrong usage.`,
    );
  program.commandsGroup("Sweeps:");
  for (const make of [planCommand, runCommand, listCommand, statusCommand]) {
    program.addCommand(make(context));
  }
  for (const make of [pauseCommand, resumeCommand, cancelCommand]) {
    program.addCommand(make(context));
  }
  program.commandsGroup("Results:");
  for (const make of [resultsCommand, runsCommand, showCommand, traceCommand]) {
    program.addCommand(make(context));
  }
  for (const make of [auditCommand, requeueCommand, regradeCommand]) {
    program.addCommand(make(context));
  }
  program.commandsGroup("Lab:");
  for (const make of [nodesCommand, modelsCommand, drainCommand, doctorCommand, tasksCommand]) {
    program.addCommand(make(context));
  }
  program.addCommand(toolchainsCommand(context));
  program.commandsGroup("Processes:");
  for (const make of [devCommand, coordinatorCommand, nodeCommand, graderCommand]) {
    program.addCommand(make(context));
  }
  for (const each of withSubcommands(program)) {
    each
      .exitOverride()
      // An option after a subcommand is the subcommand's, even if its parent has one of that name.
      .enablePositionalOptions()
      .showHelpAfterError(`(\`sweep help\` explains)`)
      .configureOutput({
        writeOut: (text) => context.stdout.write(text),
        writeErr: (text) => context.stderr.write(text),
      });
  }
  return program;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}
