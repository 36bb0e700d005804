import { installPythonEnvironment } from "../../proto/toolchain/install-python.ts";
import { taskPackages, toolchainFolder } from "../../proto/toolchain/python-environment.ts";

/**
 * Installs the Python packages of the tasks for this user, unless they are there: a minute or more the
 * first time, some milliseconds from then on. A global setup of the projects whose tests grade tasks.
 */
export async function setup(): Promise<void> {
  await installPythonEnvironment({
    lock: taskPackages,
    folder: toolchainFolder(),
    print: (line) => void process.stderr.write(`${line}\n`),
    signal: new AbortController().signal,
  });
}
