import type { Command } from "commander";
import { command } from "./command.ts";
import { type CliContext, CommandFailure } from "./context.ts";
import { formatFindings } from "./finding.ts";
import { safeJson } from "./safe-text.ts";
import { toolchainFindings } from "./toolchain-findings.ts";

/** `sweep toolchains`: the compilers, interpreters and libraries that tasks need. */
export function toolchainsCommand(context: CliContext): Command {
  return command({
    usage: "toolchains",
    summary: "list or install what the tasks need",
    description:
      "Says of each compiler, interpreter and library that tasks need which version this machine has, and " +
      "what to do about those that are missing. Ends with 1 if one is there and does not work.",
    examples: [
      ["toolchains", "what is there and what is missing"],
      ["toolchains install", "install the locked Python packages: NumPy, PyTorch, JAX"],
    ],
  })
    .option("--json", "print JSON for programs")
    .addCommand(installCommand(context))
    .action(async (options: { readonly json?: boolean }) => {
      const findings = await toolchainFindings(context);
      context.stdout.write(
        options.json ? `${safeJson({ toolchains: findings }, 2)}\n` : formatFindings(findings),
      );
      const faults = findings.filter(({ state }) => state === "fault").length;
      if (faults > 0) throw new CommandFailure(`${faults} of ${findings.length} do not work`);
    });
}

/** `sweep toolchains install`: the Python packages of the tasks, once a machine and user. */
function installCommand(context: CliContext): Command {
  return command({
    usage: "install",
    summary: "install the Python packages of the tasks",
    description:
      "Installs NumPy, PyTorch (on Linux its build for the CPU) and JAX exactly as their lockfile says, for all " +
      "nodes and graders of this user on this machine, and anew where their files have changed. pip's own " +
      "configuration decides where they come from.",
    examples: [
      ["toolchains install", "into SWEEP_TOOLCHAINS, else ~/.cache/harness-sweep/toolchains"],
    ],
  }).action(() => installToolchains(context));
}

/**
 * Installs the Python packages of the tasks, unless they are there as they were installed.
 *
 * @throws CommandFailure saying what to do
 */
export async function installToolchains({ stdout, environment }: CliContext): Promise<void> {
  const { installIntactPythonEnvironment } = await import(
    "../../proto/toolchain/install-python.ts"
  );
  const { taskPackages, toolchainFolder } = await import(
    "../../proto/toolchain/python-environment.ts"
  );
  const { InstallationError } = await import("../../proto/installation-step.ts");
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new CommandFailure("interrupted"));
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    const installed = await installIntactPythonEnvironment({
      lock: taskPackages,
      folder: toolchainFolder(environment),
      print: (line) => void stdout.write(`${line}\n`),
      signal: interrupted.signal,
    });
    stdout.write(`python packages of tasks in ${installed.folder}\n`);
  } catch (error) {
    if (error instanceof InstallationError) {
      throw new CommandFailure(error.message, { cause: error });
    }
    throw error;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}
