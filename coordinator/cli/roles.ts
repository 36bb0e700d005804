import { resolve } from "node:path";
import type { Command } from "commander";
import { createRootLogger } from "../../proto/log.ts";
import { command } from "./command.ts";
import type { CliContext } from "./context.ts";
import { harnessFolderOf } from "./folders.ts";
import { installToolchains } from "./toolchains.ts";

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
export function nodeCommand(context: CliContext): Command {
  return roleCommand(
    "node",
    "execute runs on this machine",
    "Connects out to the coordinator, serves models and executes the runs it is given, each in a " +
      "sandbox. Stopped and started again, it is the same node.",
  )
    .addCommand(nodeSetupCommand(context))
    .action(async (options: RoleOptions) => {
      const { runAgentNode } = await import("../../agent-node/main.ts");
      await runAgentNode(configFileOf(options));
    });
}

/** `sweep node setup`: installs harnesses on this machine, once, from their lockfiles. */
function nodeSetupCommand(context: CliContext): Command {
  const { stdout, environment, folder } = context;
  return command({
    usage: "setup",
    summary: "install the harnesses that this node is to drive, and what the tasks need",
    description:
      "Installs harnesses and the Python packages of the tasks exactly as their lockfiles say, and anew where " +
      "files of one have changed. Runs never install anything; do this once on each node, and again after an " +
      "update of harness-sweep.",
    examples: [
      [
        "node setup --harnesses /var/lib/sweep/harnesses",
        "all harnesses, where node.yaml has them, and the Python packages",
      ],
      ["node setup --only pi", "one harness, into SWEEP_HARNESSES or SWEEP_DATA/harnesses"],
    ],
  })
    .option("--harnesses <folder>", "folder of installed harnesses")
    .option("--only <name...>", "harnesses to install instead of everything")
    .action(async (options: { harnesses?: string; only?: string[] }) => {
      const { drivenHarnesses, installIntactHarness } = await import(
        "../../agent-node/harness/installation.ts"
      );
      const target = options.harnesses ?? harnessFolderOf({ environment, folder });
      for (const name of options.only ?? drivenHarnesses) {
        const installed = await installIntactHarness({
          name,
          folder: resolve(folder, target),
          log: createRootLogger({ name: "setup", level: "info", secrets: [] }),
          signal: new AbortController().signal,
        });
        stdout.write(`${name} ${installed.version} in ${installed.folder}\n`);
      }
      if (options.only === undefined) await installToolchains(context);
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
