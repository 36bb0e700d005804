import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InstallationError, installationStep } from "../../proto/installation-step.ts";
import { findPython, PythonAbsentError, pythonPlaces } from "../../proto/toolchain/find-python.ts";
import { preferredPaths } from "./harness.ts";
import type { PackageInstaller } from "./package-installer.ts";

/** Minor versions of Python 3 that aider 0.86 accepts, and for which its lockfile holds digests, best first. */
const minors = [12, 11, 10];

/** The virtual environment of a harness, relative to its installation. */
const virtualEnvironment = "venv";

const pipFlags = [
  ["--require-hashes", "--only-binary", ":all:", "--no-deps"],
  ["--no-compile", "--no-input", "--disable-pip-version-check", "--quiet"],
].flat();

/**
 * Harnesses of the Python Package Index, each in a virtual environment of its own, by
 * `requirements.in` and `requirements.txt`. Only wheels whose digests are listed there are
 * installed, so nothing is built and no code of a package runs.
 */
export const pythonPackages: PackageInstaller = {
  lockfile: "requirements.txt",

  async pinnedVersion(lockfileFolder) {
    const text = await readFile(join(lockfileFolder, "requirements.in"), "utf8");
    const version = /^[a-z0-9-]+==([0-9][0-9a-z.]*)$/m.exec(text)?.[1];
    if (version === undefined) throw new Error(`${lockfileFolder}/requirements.in pins no package`);
    return version;
  },

  async install({ name, lockfileFolder, folder, signal }) {
    const python = await findPython(minors, pythonPlaces()).catch((cause: unknown) => {
      if (!(cause instanceof PythonAbsentError)) throw cause;
      throw new InstallationError(`${name} runs on Python: ${cause.message}`, { cause });
    });
    const environment = join(folder, virtualEnvironment);
    const inside = join(environment, "bin", "python");
    await installationStep({
      program: python.path,
      parameters: ["-I", "-m", "venv", environment],
      folder,
      failure: `${python.path} could not make the virtual environment of ${name}`,
      signal,
    });
    await installationStep({
      program: inside,
      parameters: [
        "-m",
        "pip",
        "install",
        ...pipFlags,
        "-r",
        join(lockfileFolder, "requirements.txt"),
      ],
      folder,
      failure: `pip could not install ${name}; it needs a package index within reach`,
      signal,
    });
    await compile(inside, folder, environment, signal);
    return python;
  },
};

/**
 * Compiles all modules, since a run sees them read-only and would do so each time it starts. The
 * compiled files name the sources by the path at which sandboxes show them, and hold whatever time
 * the sources carry.
 */
async function compile(
  python: string,
  folder: string,
  environment: string,
  signal: AbortSignal,
): Promise<void> {
  const flags = ["-q", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"];
  const paths = ["-s", folder, "-p", preferredPaths.installation];
  // Packages hold examples that this Python cannot read, by which compileall ends with 1.
  const program = `import compileall, sys; compileall.main(); sys.exit(0)`;
  await installationStep({
    program: python,
    parameters: ["-c", program, ...flags, ...paths, join(environment, "lib")],
    folder,
    failure: `${python} could not compile its packages`,
    signal,
  });
}
