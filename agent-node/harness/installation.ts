import { execFile } from "node:child_process";
import { access, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { sha256 } from "../../proto/digest.ts";
import type { HarnessName } from "../../proto/harness-names.ts";
import { InstallationError } from "../../proto/installation-step.ts";
import { filesDamage, recordFiles } from "../../proto/installed-files.ts";
import { installFolder } from "../../proto/installed-folder.ts";
import type { Logger } from "../../proto/log.ts";
import { packageRoot } from "../../proto/package-root.ts";
import type { Mount } from "../../proto/sandbox/sandbox.ts";
import type { Harness } from "./harness.ts";
import { npmPackages } from "./npm-packages.ts";
import type { PackageInstaller } from "./package-installer.ts";
import { pythonPackages } from "./python-packages.ts";
import { findHarness, harnesses } from "./registry.ts";

const run = promisify(execFile);

/** A harness that runs can use. */
export interface InstalledHarness {
  readonly name: HarnessName;
  /** Version of the harness's own package. */
  readonly version: string;
  /** Absolute if the folder of installed harnesses is. */
  readonly folder: string;
  /** What it needs beside its folder: the Python that its environment was made for. */
  readonly readOnly: readonly Mount[];
}

/** Names of the harnesses that `installHarness` knows. */
export const drivenHarnesses: readonly HarnessName[] = harnesses.map(({ name }) => name);

/** Longest wait for an interpreter to say its version. */
const answerWithinMs = 10_000;

/** What an installation states of itself, in its folder. Written last: without it there is none. */
const recordName = "installation.json";
const recordSchema = z.object({
  version: z.string(),
  readOnly: z.array(z.object({ host: z.string(), inside: z.string() })),
});

/**
 * Installs a harness exactly as its lockfile in `installed/` says, unless it is there. Each state of
 * a lockfile has a folder of its own, which appears complete or not at all; several processes may
 * install at one time. No code of the installed packages runs.
 *
 * @throws InstallationError when the name is not known or the installer fails; the signal's
 *   reason when it was given up.
 */
export async function installHarness(options: {
  readonly name: string;
  /** Folder of installed harnesses; made if absent. */
  readonly folder: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}): Promise<InstalledHarness> {
  const { name, folder, log, signal } = options;
  const harness = knownHarness(name);
  const installed = await findInstalled(harness, folder);
  if (installed !== null) return installed;
  const startedAtMs = performance.now();
  log.info({ harness: name }, "installing harness");
  await installFolder({
    parent: folder,
    name: await placeNameOf(harness),
    fill: async (temporary) => {
      const size = await fill(harness, temporary, signal);
      const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
      log.info({ harness: name, seconds, ...size }, "harness installed");
    },
    isUsable: async () => (await findInstalled(harness, folder)) !== null,
  });
  const result = await findInstalled(harness, folder);
  if (result === null) throw new InstallationError(`${name} vanished from ${folder}`);
  return result;
}

/**
 * As {@link installHarness}, but looks into one that is there, and installs it anew if its files are not
 * what they were. No run may be using it.
 */
export async function installIntactHarness(
  options: Parameters<typeof installHarness>[0],
): Promise<InstalledHarness> {
  const { name, folder, log } = options;
  const installed = await findInstalled(knownHarness(name), folder);
  const damage = installed === null ? null : await installationDamage(installed);
  if (installed !== null && damage !== null) {
    log.warn({ harness: name, damage }, "installing harness anew");
    await rm(installed.folder, { recursive: true, force: true });
  }
  return installHarness(options);
}

/** The harnesses in `folder` that this version of the program installed or would install. */
export async function installedHarnesses(folder: string): Promise<readonly InstalledHarness[]> {
  const found = await Promise.all(harnesses.map((harness) => findInstalled(harness, folder)));
  return found.filter((harness) => harness !== null);
}

/**
 * What has become of an installation's files since they were installed, in words; null if they are
 * byte for byte the same. Reads all of them, which takes seconds.
 */
export async function installationDamage({ folder }: InstalledHarness): Promise<string | null> {
  return filesDamage(folder, [recordName]);
}

/**
 * What the interpreter that an installation brings says of itself; null for one that needs none.
 *
 * @throws when it does not run.
 */
export async function runtimeVersion(installed: InstalledHarness): Promise<string | null> {
  const { runtime } = knownHarness(installed.name);
  if (runtime === null) return null;
  const program = join(installed.folder, runtime);
  const { stdout } = await run(program, ["--version"], { timeout: answerWithinMs });
  return stdout.trim();
}

function knownHarness(name: string): Harness {
  const harness = findHarness(name);
  if (harness !== undefined) return harness;
  throw new InstallationError(
    `found harness ${JSON.stringify(name)}; this version installs ${drivenHarnesses.join(", ")}`,
  );
}

const lockfileFolderOf = ({ name }: Harness): string =>
  join(packageRoot, "agent-node", "harness", "installed", name);

async function installerOf(harness: Harness): Promise<PackageInstaller> {
  for (const installer of [npmPackages, pythonPackages]) {
    if (await exists(join(lockfileFolderOf(harness), installer.lockfile))) return installer;
  }
  throw new Error(`${lockfileFolderOf(harness)} has no lockfile`);
}

async function placeNameOf(harness: Harness): Promise<string> {
  const { lockfile } = await installerOf(harness);
  const content = await readFile(join(lockfileFolderOf(harness), lockfile));
  return `${harness.name}-${sha256(content).slice(0, 12)}`;
}

/** Null too if it is no longer complete, for example since the Python below it is gone. */
async function findInstalled(harness: Harness, folder: string): Promise<InstalledHarness | null> {
  const place = join(folder, await placeNameOf(harness));
  const text = await readFile(join(place, recordName), "utf8").catch(() => null);
  if (text === null || !(await isComplete(harness, place))) return null;
  const { version, readOnly } = recordSchema.parse(JSON.parse(text));
  return { name: harness.name, version, folder: place, readOnly };
}

interface Size {
  readonly files: number;
  readonly bytes: number;
}

/** Installs into an empty folder, and records what is there then. */
async function fill(harness: Harness, folder: string, signal: AbortSignal): Promise<Size> {
  const installer = await installerOf(harness);
  const lockfileFolder = lockfileFolderOf(harness);
  const python = await installer.install({ name: harness.name, lockfileFolder, folder, signal });
  signal.throwIfAborted();
  // npm passes over a package for this platform that it could not fetch.
  if (!(await isComplete(harness, folder))) {
    throw new InstallationError(
      `${harness.name} was installed without ${filesOf(harness).join(" or ")}; ` +
        `either it has no package for ${process.platform}-${process.arch}, or fetching it failed`,
    );
  }
  const size = await recordFiles(folder, [recordName]);
  signal.throwIfAborted();
  const version = await installer.pinnedVersion(lockfileFolder);
  const record = { version, readOnly: [...(python?.readOnly ?? [])] };
  await writeFile(join(folder, recordName), JSON.stringify(record satisfies Recorded));
  return size;
}

type Recorded = z.infer<typeof recordSchema>;

const filesOf = ({ program, runtime }: Harness): readonly string[] =>
  runtime === null ? [program] : [program, runtime];

async function isComplete(harness: Harness, folder: string): Promise<boolean> {
  const found = await Promise.all(filesOf(harness).map((file) => exists(join(folder, file))));
  return found.every((there) => there);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
