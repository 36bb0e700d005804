import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { proveSandbox } from "../../proto/sandbox/escape/proof.ts";
import { platformSandbox } from "../../proto/sandbox/platform-sandbox.ts";
import { installPythonEnvironment } from "../../proto/toolchain/install-python.ts";
import { taskPackages, toolchainFolder } from "../../proto/toolchain/python-environment.ts";

/**
 * Does once for this user what tests that grade tasks or start nodes would otherwise wait for, each on
 * its own: installs the Python packages of the tasks, which takes a minute or more the first time, and
 * proves the sandbox, half a minute. Both are kept, so that later test runs take no notice.
 */
export async function setup(): Promise<void> {
  const { signal } = new AbortController();
  await installPythonEnvironment({
    lock: taskPackages,
    folder: toolchainFolder(),
    print: (line) => void process.stderr.write(`${line}\n`),
    signal,
  });
  const folder = mkdtempSync(join(tmpdir(), "sweep-proof-"));
  try {
    await proveSandbox(await platformSandbox(), folder, signal);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
