import { execFile } from "node:child_process";
import { access, constants, realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { Mount } from "./sandbox/sandbox.ts";
import { refusal, type Toolchain, type ToolchainName } from "./toolchain/manifest.ts";
import {
  findPythonEnvironment,
  taskPackages,
  toolchainFolder,
} from "./toolchain/python-environment.ts";
import { environmentToolchains, libraryToolchains } from "./toolchain/python-toolchains.ts";
import { contains, isOwnPrefix } from "./toolchain-prefix.ts";

export type { Toolchain, ToolchainName } from "./toolchain/manifest.ts";

const run = promisify(execFile);

/** The toolchains of this machine and what a sandbox needs in order to offer them. */
export interface FoundToolchains {
  readonly toolchains: readonly Toolchain[];
  /** To be shown read-only: the prefixes of those that the system's own folders do not have. */
  readonly mounts: readonly Mount[];
  /** Folders for PATH inside, in order, the system's among them. */
  readonly searchPath: readonly string[];
}

/** Where toolchains are looked for. */
export interface ToolchainPlaces {
  /** Folders with programs of the system, visible in every sandbox, in order of preference. */
  readonly systemFolders: readonly string[];
  /** Folders of this process's PATH. */
  readonly searchPath: readonly string[];
  /** Home of this user. */
  readonly home: string;
  /** Folder of this user's environments of Python packages; it need not exist. */
  readonly environments: string;
}

/** Programs that only work with each other's version, and how the first of them tells its prefix. */
interface ToolchainGroup {
  readonly names: readonly [ToolchainName, ...ToolchainName[]];
  readonly askPrefix: readonly string[] | null;
}

const python: ToolchainGroup = {
  names: ["python3"],
  askPrefix: ["-c", "import sys; print(sys.base_prefix)"],
};

const groups: readonly ToolchainGroup[] = [
  { names: ["bash"], askPrefix: null },
  { names: ["cc"], askPrefix: null },
  { names: ["c++"], askPrefix: null },
  { names: ["rustc", "cargo"], askPrefix: ["--print", "sysroot"] },
  python,
  { names: ["sqlite3"], askPrefix: null },
  { names: ["node"], askPrefix: ["-p", "path.resolve(process.execPath, '../..')"] },
];

/** Read by every sandbox, so that a program whose links end here is visible inside. */
const systemRoots = ["/usr", "/bin", "/Library/Developer", "/Library/Frameworks"];

/** Homebrew's programs use libraries of one another, so these folders of it go together. */
const homebrewRoots = ["/opt/homebrew", "/home/linuxbrew/.linuxbrew"];
const homebrewFolders = ["bin", "lib", "opt", "Cellar", "Frameworks"];

const answerWithinMs = 10_000;
const answerBytes = 64 * 1024;
const versionCharacters = 200;

/**
 * Finds the toolchains that a sandbox of this machine can offer. Python is that of the environment with
 * the packages of tasks, where it is installed. Else the system's own are preferred, and those that
 * rustup, pyenv, Homebrew and the like have put elsewhere stand in for absent ones. Of these nothing is
 * shown but their own prefix; one without a prefix of its own is not offered. A program that gives no
 * version within ten seconds, or one older than the manifest accepts, counts as absent.
 */
export function findToolchains(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<FoundToolchains> {
  const home = homedir();
  const path = (environment["PATH"] ?? "").split(delimiter);
  return findToolchainsIn({
    systemFolders: ["/usr/bin", "/bin", "/usr/local/bin"],
    // The PATH of a service often lacks the last two.
    searchPath: [
      ...path,
      join(environment["CARGO_HOME"] || join(home, ".cargo"), "bin"),
      "/opt/homebrew/bin",
    ],
    home,
    environments: toolchainFolder(environment),
  });
}

/** As {@link findToolchains}, in the places given. */
export async function findToolchainsIn(places: ToolchainPlaces): Promise<FoundToolchains> {
  const located = await Promise.all(
    groups.map((group) => (group === python ? locatePython(places) : locate(group, places))),
  );
  const shown = new Set(located.flatMap((group) => group.shown));
  const folders = (where: NonNullable<Located["folder"]>["where"]) =>
    located.flatMap(({ folder }) => (folder?.where === where ? [folder.path] : []));
  return {
    toolchains: located.flatMap(({ toolchains }) => toolchains),
    mounts: [...shown].map((path) => ({ host: path, inside: path })),
    searchPath: [...new Set([...folders("first"), ...places.systemFolders, ...folders("last")])],
  };
}

interface Located {
  readonly toolchains: readonly Toolchain[];
  /** Folders outside the system's that have to be shown. */
  readonly shown: readonly string[];
  /**
   * Folder of the programs, null if it is a system folder. It comes last on PATH, since a folder of
   * somebody's toolchain may hold programs that the system has as well, unless it has to come before
   * a program of the system that is not accepted.
   */
  readonly folder: { readonly path: string; readonly where: "first" | "last" } | null;
}

/** As {@link Located}, outside the system's folders. */
interface Elsewhere extends Omit<Located, "folder"> {
  readonly folder: string;
}

async function locatePython(places: ToolchainPlaces): Promise<Located> {
  const environment = await findPythonEnvironment(places.environments, taskPackages);
  const own = environment === null ? null : await environmentToolchains(environment);
  if (environment !== null && own !== null) {
    const shown = environment.mounts.map(({ host }) => host);
    return { toolchains: own, shown, folder: { path: environment.programs, where: "first" } };
  }
  const located = await locate(python, places);
  const libraries = await Promise.all(located.toolchains.map(libraryToolchains));
  return { ...located, toolchains: [...located.toolchains, ...libraries.flat()] };
}

async function locate(group: ToolchainGroup, places: ToolchainPlaces): Promise<Located> {
  const found = await Promise.all(group.names.map((name) => findInSystem(name, places)));
  const system = found.filter((toolchain) => toolchain !== null);
  // A part of a group is not completed from elsewhere: a new cargo fails with an old rustc.
  if (system.length > 0) return { toolchains: system, shown: [], folder: null };
  for (const folder of places.searchPath) {
    const elsewhere = await findElsewhere(group, folder, places);
    if (elsewhere === null) continue;
    const refused = await Promise.all(
      places.systemFolders.map((system) => resolveProgram(join(system, group.names[0]))),
    );
    const where = refused.some((program) => program !== null) ? "first" : "last";
    return { ...elsewhere, folder: { path: elsewhere.folder, where } };
  }
  return { toolchains: [], shown: [], folder: null };
}

async function findInSystem(
  name: ToolchainName,
  places: ToolchainPlaces,
): Promise<Toolchain | null> {
  for (const folder of places.systemFolders) {
    const path = join(folder, name);
    const target = await resolveProgram(path);
    if (target === null) continue;
    if (![...systemRoots, folder].some((root) => contains(root, target))) continue;
    const toolchain = await describe(name, path);
    if (toolchain !== null) return toolchain;
  }
  return null;
}

async function findElsewhere(
  group: ToolchainGroup,
  folder: string,
  places: ToolchainPlaces,
): Promise<Elsewhere | null> {
  // Relative entries of PATH mean the folder that this process happens to stand in.
  if (!folder.startsWith("/") || places.systemFolders.includes(folder)) return null;
  const program = await resolveProgram(join(folder, group.names[0]));
  if (program === null) return null;
  const brew = homebrewRoots.find((root) => contains(root, program));
  if (brew !== undefined) {
    const shown = await existing(homebrewFolders.map((name) => join(brew, name)));
    return complete(group, join(brew, "bin"), shown, [brew]);
  }
  if (group.askPrefix === null) return null;
  // Asked by its name in PATH: what rustup and pyenv put there acts by the name it is called by.
  const answer = await firstLine(join(folder, group.names[0]), group.askPrefix);
  const prefix = answer === null ? null : await realpath(answer).catch(() => null);
  const home = await realpath(places.home).catch(() => places.home);
  if (prefix === null || !isOwnPrefix(prefix, home)) return null;
  return complete(group, join(prefix, "bin"), [prefix], [prefix]);
}

/** The group in `folder`, null unless all of it is there, within `roots`, and answers. */
async function complete(
  group: ToolchainGroup,
  folder: string,
  shown: readonly string[],
  roots: readonly string[],
): Promise<Elsewhere | null> {
  const toolchains: Toolchain[] = [];
  for (const name of group.names) {
    const path = join(folder, name);
    const target = await resolveProgram(path);
    if (target === null || !roots.some((root) => contains(root, target))) return null;
    const toolchain = await describe(name, path);
    if (toolchain === null) return null;
    toolchains.push(toolchain);
  }
  return { toolchains, shown, folder };
}

async function describe(name: ToolchainName, path: string): Promise<Toolchain | null> {
  const answer = await firstLine(path, ["--version"]);
  if (answer === null || refusal(name, answer) !== null) return null;
  return { name, version: answer.slice(0, versionCharacters), path };
}

/** What the links at a path lead to, null if that is nothing this user may execute. */
async function resolveProgram(path: string): Promise<string | null> {
  try {
    await access(path, constants.X_OK);
    return await realpath(path);
  } catch {
    return null;
  }
}

/**
 * Folders that a sandbox has to show so that a program works inside which lies outside the system's:
 * none for a program of the system, all that goes together for one of Homebrew, else the prefix of its
 * own. Null if it has none, so that showing it would show what belongs to somebody.
 *
 * @param program absolute, with links resolved
 * @param prefix what the program says that it is installed in
 */
export async function foldersToShow(
  program: string,
  prefix: string,
  home: string,
): Promise<readonly string[] | null> {
  if (systemRoots.some((root) => contains(root, program))) return [];
  const brew = homebrewRoots.find((root) => contains(root, program));
  if (brew !== undefined) return existing(homebrewFolders.map((name) => join(brew, name)));
  const own = await realpath(prefix).catch(() => null);
  const resolvedHome = await realpath(home).catch(() => home);
  return own !== null && contains(own, program) && isOwnPrefix(own, resolvedHome) ? [own] : null;
}

async function existing(paths: readonly string[]): Promise<readonly string[]> {
  const resolved = await Promise.all(paths.map((path) => realpath(path).catch(() => null)));
  return resolved.filter((path) => path !== null);
}

/** First line that a program prints, null if it fails, prints nothing or takes too long. */
async function firstLine(program: string, parameters: readonly string[]): Promise<string | null> {
  try {
    const running = run(program, [...parameters], {
      timeout: answerWithinMs,
      killSignal: "SIGKILL",
      maxBuffer: answerBytes,
    });
    running.child.stdin?.end();
    const { stdout } = await running;
    return stdout.trim().split("\n")[0]?.trim() || null;
  } catch {
    return null;
  }
}
