import { execFile } from "node:child_process";
import { access, constants, readdir, readFile, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { sha256 } from "../digest.ts";
import { packageRoot } from "../package-root.ts";
import type { Mount } from "../sandbox/sandbox.ts";
import { pythonLock } from "./manifest.ts";

const run = promisify(execFile);

/** A lock of Python packages, with what its environment is for. */
export interface PythonLock {
  /** Absolute path of the requirements with their digests. */
  readonly file: string;
  /** Minor versions of Python 3 that it was made for, the best first. */
  readonly minors: readonly number[];
  /** Modules that must load once it is installed. */
  readonly modules: readonly string[];
}

/** The lock of the packages that tasks need. */
export const taskPackages: PythonLock = {
  ...pythonLock,
  file: join(packageRoot, pythonLock.folder, "requirements.txt"),
};

/** An installed environment, which belongs to this user and is shared by all labs of the machine. */
export interface PythonEnvironment {
  /** Its installation; the environment itself lies in `venv` of it. Links are resolved. */
  readonly folder: string;
  /** Folder with its `python3`, for PATH. */
  readonly programs: string;
  /** What a sandbox has to show for it to work inside: itself, and the Python that it was made with. */
  readonly mounts: readonly Mount[];
}

/** What a Python says of itself. */
export interface PythonAnswer {
  /** For example `3.11.2`. */
  readonly python: string;
  /** Version of the SQLite library in its module `sqlite3`; null if it has none. */
  readonly sqlite: string | null;
  /** Versions of the packages that were asked for, by their metadata; null for absent ones. */
  readonly packages: Readonly<Record<string, string | null>>;
}

/** What an installation states of itself. Written last: without it there is none. */
export const environmentRecord = {
  file: "installation.json",
  schema: z.object({
    lock: z.string(),
    minor: z.int(),
    readOnly: z.array(z.object({ host: z.string(), inside: z.string() })),
  }),
} as const;

/** Of the environment within its installation. */
export const environmentName = "venv";

/** Each state of the lock and each Python below it have a folder of their own. */
export const installationPrefix = "python-";

/**
 * Folder of the environments of this user: SWEEP_TOOLCHAINS, else `~/.cache/harness-sweep/toolchains`.
 * Nodes, graders and tests of all checkouts share it.
 */
export function toolchainFolder(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  return (
    environment["SWEEP_TOOLCHAINS"] || join(homedir(), ".cache", "harness-sweep", "toolchains")
  );
}

/** SHA-256 of a lock's text. */
export async function lockDigest({ file }: PythonLock): Promise<string> {
  return sha256(await readFile(file));
}

/**
 * The environment of a lock in `folder`; of several, the one with the Python that the lock prefers.
 * Null if there is none, or the Python below it is gone. Starts no program.
 */
export async function findPythonEnvironment(
  folder: string,
  lock: PythonLock,
): Promise<PythonEnvironment | null> {
  const digest = await lockDigest(lock);
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(
    names
      .filter((name) => name.startsWith(installationPrefix))
      .sort()
      .map((name) => readInstallation(join(folder, name), digest)),
  );
  const [best] = found
    .filter((installation) => installation !== null)
    .sort((one, other) => lock.minors.indexOf(one.minor) - lock.minors.indexOf(other.minor));
  return best?.environment ?? null;
}

async function readInstallation(
  path: string,
  digest: string,
): Promise<{ readonly minor: number; readonly environment: PythonEnvironment } | null> {
  try {
    const text = await readFile(join(path, environmentRecord.file), "utf8");
    const { lock, minor, readOnly } = environmentRecord.schema.parse(JSON.parse(text));
    if (lock !== digest) return null;
    const folder = await realpath(path);
    const programs = join(folder, environmentName, "bin");
    // A link to the Python below, which may be gone.
    await access(join(programs, "python3"), constants.X_OK);
    const own = join(folder, environmentName);
    const mounts = [{ host: own, inside: own }, ...readOnly];
    return { minor, environment: { folder, programs, mounts } };
  } catch {
    return null;
  }
}

const answerWithinMs = 10_000;

/** Reads metadata, for importing the packages takes seconds. */
const question = [
  "import importlib.metadata as metadata, json, platform, sys",
  "try:",
  "    from sqlite3 import sqlite_version",
  "except ImportError:",
  "    sqlite_version = None",
  "def version(name):",
  "    try:",
  "        return metadata.version(name)",
  "    except metadata.PackageNotFoundError:",
  "        return None",
  "packages = {name: version(name) for name in sys.argv[1:]}",
  "said = {'python': platform.python_version(), 'sqlite': sqlite_version, 'packages': packages}",
  "print(json.dumps(said))",
].join("\n");

const answerSchema = z.object({
  python: z.string(),
  sqlite: z.string().nullable(),
  packages: z.record(z.string(), z.string().nullable()),
});

/** Asks a Python for its versions and those of `packages`; null if it gives none within ten seconds. */
export async function askPython(
  program: string,
  packages: readonly string[],
): Promise<PythonAnswer | null> {
  try {
    const { stdout } = await run(program, ["-I", "-B", "-c", question, ...packages], {
      timeout: answerWithinMs,
      killSignal: "SIGKILL",
    });
    return answerSchema.parse(JSON.parse(stdout));
  } catch {
    return null;
  }
}
