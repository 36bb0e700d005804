import type { Command } from "commander";
import { command } from "./command.ts";
import type { CliContext } from "./context.ts";

interface RoleOptions {
  readonly config?: string;
}

/** `sweep coordinator`: serves as a lab's coordinator until it is stopped. */
export function coordinatorCommand(_context: CliContext): Command {
  return roleCommand(
    "coordinator",
    "serve as the coordinator of a lab",
    "Decides which node runs what, stores everything in Postgres and answers this command's other " +
      "calls. Needs a Postgres database and a NATS server with JetStream.",
  ).action(async (options: RoleOptions) => {
    const { runCoordinator } = await import("../main.ts");
    await runCoordinator(configFileOf(options));
  });
}

/** `sweep node`: executes runs on this machine until it is stopped. */
export function nodeCommand(_context: CliContext): Command {
  return roleCommand(
    "node",
    "execute runs on this machine",
    "Connects out to the coordinator, serves models and executes the runs it is given, each in a " +
      "sandbox. Stopped and started again, it is the same node.",
  ).action(async (options: RoleOptions) => {
    const { runAgentNode } = await import("../../agent-node/main.ts");
    await runAgentNode(configFileOf(options));
  });
}

/** `sweep grader`: grades final workspaces until it is stopped. */
export function graderCommand(_context: CliContext): Command {
  return roleCommand(
    "grader",
    "grade finished runs with the hidden tests",
    "Takes grade jobs from NATS and runs the hidden tests on final workspaces, in a sandbox without " +
      "any network. The only role that sees hidden tests.",
  ).action(async (options: RoleOptions) => {
    const { runGrader } = await import("../../grader/main.ts");
    await runGrader(configFileOf(options));
  });
}

function roleCommand(name: string, summary: string, description: string): Command {
  return command({
    usage: name,
    summary,
    description: `${description} Settings come from a YAML file and the environment, which wins; deploy/lab has examples.`,
    examples: [
      [`${name} --config ${name}.yaml`, "settings from a file"],
      [name, "settings from the environment (SWEEP_...)"],
    ],
  }).option("--config <file>", "YAML file with the role's settings");
}

function configFileOf({ config }: RoleOptions): { configFile?: string } {
  return config === undefined ? {} : { configFile: config };
}
