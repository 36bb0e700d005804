import { lstat, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../digest.ts";
import { InstallationError, installationStep } from "../installation-step.ts";
import { filesDamage, recordFiles } from "../installed-files.ts";
import { installFolder } from "../installed-folder.ts";
import { findPython, type Python, PythonAbsentError, pythonPlaces } from "./find-python.ts";
import {
  environmentName,
  environmentRecord,
  findPythonEnvironment,
  installationPrefix,
  lockDigest,
  type PythonEnvironment,
  type PythonLock,
} from "./python-environment.ts";

/** What an installation is made from and where. */
export interface PythonInstallation {
  readonly lock: PythonLock;
  /** Folder of the user's environments; made if absent. */
  readonly folder: string;
  /** Takes a line about each step that takes long. */
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Prints where the wheel of pip lies with which this Python furnishes environments. pip runs from it as it is,
 * and so stays out of the environment, which then has what the lock names and nothing else.
 */
const bundledPip = [
  "import ensurepip, glob, os, sys, sysconfig",
  "folders = [sysconfig.get_config_var('WHEEL_PKG_DIR'), os.path.join(os.path.dirname(ensurepip.__file__), '_bundled')]",
  "wheels = [path for folder in folders if folder for path in glob.glob(os.path.join(folder, 'pip-*.whl'))]",
  "print(max(wheels, default=None) or sys.exit('its module ensurepip brings no pip'))",
].join("\n");

/** Only wheels whose digests are in the lock, so nothing is built and no code of a package runs. */
const pipFlags = [
  ["--require-hashes", "--only-binary", ":all:", "--no-deps"],
  ["--no-compile", "--no-input", "--disable-pip-version-check", "--quiet"],
].flat();

/** Scripts are small; a program of this size is no text. */
const largestScriptBytes = 64 * 1024;

/**
 * Installs the packages of a lock into an environment of their own, unless it is there. It has exactly
 * what the lock names, appears complete or not at all, and is never changed afterwards; several
 * processes may install at one time.
 *
 * @throws InstallationError when no Python of this machine suits, pip fails or a module does not load;
 *   the signal's reason when it was given up. Nothing is left behind then.
 */
export async function installPythonEnvironment(
  installation: PythonInstallation,
): Promise<PythonEnvironment> {
  const { lock, folder, print, signal } = installation;
  const installed = await findPythonEnvironment(folder, lock);
  if (installed !== null) return installed;
  const python = await findPython(lock.minors, pythonPlaces()).catch((cause: unknown) => {
    if (!(cause instanceof PythonAbsentError)) throw cause;
    throw new InstallationError(cause.message, { cause });
  });
  const digest = await lockDigest(lock);
  const key = sha256(JSON.stringify([digest, python.path, python.version])).slice(0, 12);
  print(`python packages of tasks: installing for ${python.path} (${python.version}) in ${folder}`);
  await installFolder({
    parent: folder,
    name: `${installationPrefix}${key}`,
    fill: (temporary, place) => fill({ lock, digest, python, temporary, place, signal }),
    isUsable: async () => (await findPythonEnvironment(folder, lock)) !== null,
  });
  const result = await findPythonEnvironment(folder, lock);
  if (result === null) throw new InstallationError(`the environment vanished from ${folder}`);
  return result;
}

/**
 * As {@link installPythonEnvironment}, but looks into one that is there, and installs it anew if its
 * files are not what they were. No run may be using it.
 */
export async function installIntactPythonEnvironment(
  installation: PythonInstallation,
): Promise<PythonEnvironment> {
  const { lock, folder, print } = installation;
  const installed = await findPythonEnvironment(folder, lock);
  const damage = installed === null ? null : await environmentDamage(installed);
  if (installed !== null && damage !== null) {
    print(`python packages of tasks: ${damage}; installing anew`);
    await rm(installed.folder, { recursive: true, force: true });
  }
  return installPythonEnvironment(installation);
}

/**
 * What has become of an environment's files since they were installed, in words; null if they are byte
 * for byte the same. Reads all of them, which takes seconds.
 */
export function environmentDamage({ folder }: PythonEnvironment): Promise<string | null> {
  return filesDamage(folder, [environmentRecord.file]);
}

async function fill(parts: {
  readonly lock: PythonLock;
  readonly digest: string;
  readonly python: Python;
  readonly temporary: string;
  readonly place: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { lock, digest, python, temporary, place, signal } = parts;
  const environment = join(temporary, environmentName);
  const inside = join(environment, "bin", "python3");
  const step = (program: string, parameters: readonly string[], failure: string) =>
    installationStep({ program, parameters, folder: temporary, failure, signal });

  const noEnvironment = `${python.path} could not make a virtual environment`;
  await step(python.path, ["-I", "-m", "venv", "--without-pip", environment], noEnvironment);
  const wheel = await step(python.path, ["-I", "-c", bundledPip], noEnvironment);
  const pip = ["-I", join(wheel.trim(), "pip"), "install", ...pipFlags, "-r", lock.file];
  await step(inside, pip, "pip could not install").catch(explainPip);
  await nameFinalPlace(join(environment, "bin"), temporary, place);
  const load = `import ${lock.modules.join(", ")}`;
  await step(inside, ["-I", "-B", "-c", load], `${load}: what was installed does not work here`);
  await step(inside, ["-I", "-c", compileAll, ...compileFlags(temporary, place)], "no bytecode");
  await recordFiles(temporary, [environmentRecord.file]);
  signal.throwIfAborted();
  const minor = Number(python.version.split(".")[1]);
  const record = { lock: digest, minor, readOnly: [...python.readOnly] };
  await writeFile(join(temporary, environmentRecord.file), JSON.stringify(record));
}

/** Packages hold examples that this Python cannot read, by which compileall ends with 1. */
const compileAll = "import compileall, sys; compileall.main(); sys.exit(0)";

/** Compiled files name the final place, and hold whatever time the sources carry: sandboxes see them read-only. */
function compileFlags(temporary: string, place: string): readonly string[] {
  return [
    ["-q", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"],
    ["-s", temporary, "-p", place, join(temporary, environmentName, "lib")],
  ].flat();
}

/** pip's own words do not say that PyTorch keeps its builds for the CPU in an index of its own. */
function explainPip(error: unknown): never {
  const isBuildAbsent =
    error instanceof InstallationError &&
    /no matching distribution found for torch/i.test(error.message);
  if (!isBuildAbsent) throw error;
  throw new InstallationError(
    "pip found no build of PyTorch for the CPU. On Linux it lies in an index of its own: set " +
      "PIP_EXTRA_INDEX_URL to the one that PyTorch's page “Get started” names for Linux, Pip and CPU, then try again. " +
      error.message,
    { cause: error },
  );
}

/** Scripts name the Python that runs them by its path, which is another one once the folder is moved. */
async function nameFinalPlace(programs: string, temporary: string, place: string): Promise<void> {
  for (const name of await readdir(programs)) {
    const path = join(programs, name);
    const found = await lstat(path);
    if (!found.isFile() || found.size > largestScriptBytes) continue;
    const text = await readFile(path, "utf8");
    if (text.includes(temporary)) await writeFile(path, text.replaceAll(temporary, place));
  }
}
