import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Something cannot be installed. The message says what to do. */
export class InstallationError extends Error {
  override readonly name = "InstallationError";
}

/** Longest part of what an installer said that an error repeats. */
const saidCharacters = 2_000;
/** Installers list every package; more is not kept in memory. */
const outputBytes = 16 * 1024 ** 2;

/**
 * Runs one step of an installation and answers what it printed. `failure` begins the message of its
 * error, which ends with what the step said last.
 *
 * @throws InstallationError when the step fails; the signal's reason when it was given up.
 */
export async function installationStep(step: {
  readonly program: string;
  readonly parameters: readonly string[];
  readonly folder: string;
  readonly failure: string;
  readonly signal: AbortSignal;
}): Promise<string> {
  const { program, parameters, folder, failure, signal } = step;
  try {
    const { stdout } = await run(program, [...parameters], {
      cwd: folder,
      signal,
      killSignal: "SIGKILL",
      maxBuffer: outputBytes,
    });
    return stdout;
  } catch (cause) {
    signal.throwIfAborted();
    const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr) : "";
    const words = said.trim() === "" ? String(cause) : said.trim();
    throw new InstallationError(`${failure}. It said: ${words.slice(-saidCharacters)}`, {
      cause,
    });
  }
}
