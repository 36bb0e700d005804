import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findProgram } from "../../proto/find-program.ts";
import { findPython, PythonAbsentError, pythonPlaces } from "../../proto/toolchain/find-python.ts";
import { isToolchainName, type Toolchain } from "../../proto/toolchain/manifest.ts";
import {
  findPythonEnvironment,
  taskPackages,
  toolchainFolder,
} from "../../proto/toolchain/python-environment.ts";
import { findToolchains } from "../../proto/toolchains.ts";
import { findNatsServer } from "../embedded/nats-server-binary.ts";

/** Where to look for programs. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  /** Folder of the lab on this machine, `.sweep`. */
  readonly dataFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Something that a lab on one machine needs and that npm does not bring. */
export interface Requirement {
  /** Name of the program. */
  readonly name:
    | "nats-server"
    | "bwrap"
    | "cc"
    | "c++"
    | "rustc"
    | "python3"
    | "python3-venv"
    | "sqlite3";
  /** Why it is needed, as the end of "needed ...". */
  readonly neededFor: string;
  /** Packages of Debian and Ubuntu that bring it. */
  readonly aptPackages: readonly string[];
  /** Formula of Homebrew; none where macOS' own developer tools bring it. */
  readonly brewFormula: string | undefined;
  /** Command that installs it by hand on this platform. */
  readonly howToGet: string;
}

/** A requirement and what was found of it. */
export interface RequirementState extends Requirement {
  /** Absolute path and the program's own words about its version; absent when it is missing. */
  readonly found: { readonly path: string; readonly version: string } | undefined;
}

const all: readonly Omit<Requirement, "howToGet">[] = [
  {
    name: "nats-server",
    neededFor: "to carry traces, results and grade jobs",
    aptPackages: ["nats-server"],
    brewFormula: "nats-server",
  },
  {
    name: "bwrap",
    neededFor: "to isolate harnesses and hidden tests on Linux",
    aptPackages: ["bubblewrap"],
    brewFormula: undefined,
  },
  {
    name: "cc",
    neededFor: "by tasks written in C",
    // gcc brings the libraries of its sanitizers.
    aptPackages: ["gcc", "libc6-dev"],
    brewFormula: undefined,
  },
  {
    name: "c++",
    neededFor: "by tasks written in C++",
    aptPackages: ["g++"],
    brewFormula: undefined,
  },
  {
    name: "rustc",
    neededFor: "by tasks written in Rust",
    aptPackages: ["rustc"],
    brewFormula: "rust",
  },
  {
    name: "python3",
    neededFor: "by tasks written in Python and their tests",
    aptPackages: ["python3"],
    brewFormula: "python",
  },
  {
    name: "python3-venv",
    neededFor: "to install the Python packages of tasks",
    aptPackages: ["python3-venv"],
    brewFormula: "python",
  },
  {
    name: "sqlite3",
    neededFor: "by agents that try SQL by a command",
    aptPackages: ["sqlite3"],
    brewFormula: undefined,
  },
];

/** macOS has a sandbox and the command of SQLite of its own. */
const linuxOnly: readonly Requirement["name"][] = ["bwrap", "sqlite3"];

/** What a machine of this platform needs. */
export function requirements(platform: NodeJS.Platform): readonly Requirement[] {
  return all
    .filter(({ name }) => platform === "linux" || !linuxOnly.includes(name))
    .map((requirement) => ({ ...requirement, howToGet: commandByHand(requirement, platform) }));
}

function commandByHand(
  { aptPackages, brewFormula }: Omit<Requirement, "howToGet">,
  platform: NodeJS.Platform,
): string {
  if (platform !== "darwin") return `sudo apt-get install ${aptPackages.join(" ")}`;
  return brewFormula === undefined ? "xcode-select --install" : `brew install ${brewFormula}`;
}

/**
 * Looks for everything that this machine needs. A program that cannot say its version is not found, and
 * a toolchain only if sandboxes can offer it.
 */
export async function checkRequirements(machine: Machine): Promise<RequirementState[]> {
  const { toolchains } = await findToolchains(machine.environment);
  return Promise.all(
    requirements(machine.platform).map(async (requirement) => ({
      ...requirement,
      found: await find(requirement, machine, toolchains),
    })),
  );
}

async function find(
  { name }: Requirement,
  { dataFolder, environment }: Machine,
  toolchains: readonly Toolchain[],
): Promise<RequirementState["found"]> {
  if (name === "python3-venv") return findPythonWithVenv(environment);
  if (isToolchainName(name)) return toolchains.find((toolchain) => toolchain.name === name);
  const path =
    name === "nats-server"
      ? (await findNatsServer({ dataFolder, environment }))?.path
      : findProgram(name, { path: environment["PATH"] });
  if (path === undefined) return undefined;
  try {
    const { stdout } = await promisify(execFile)(path, ["--version"], {
      timeout: versionLimitMs,
      env: { ...environment },
    });
    return { path, version: stdout.split("\n")[0] ?? "" };
  } catch {
    return undefined;
  }
}

const versionLimitMs = 10_000;

/** Not needed any more once the environment that it makes is there. */
async function findPythonWithVenv(
  environment: Machine["environment"],
): Promise<RequirementState["found"]> {
  const installed = await findPythonEnvironment(toolchainFolder(environment), taskPackages);
  if (installed !== null) return { path: installed.programs, version: "Python 3, installed" };
  try {
    const { path, version } = await findPython(taskPackages.minors, pythonPlaces());
    return { path, version };
  } catch (error) {
    if (error instanceof PythonAbsentError) return undefined;
    throw error;
  }
}
