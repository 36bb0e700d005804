import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "../../proto/find-program.ts";
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
  readonly name: "nats-server" | "bwrap" | "cc" | "rustc" | "python3";
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
    aptPackages: ["gcc", "libc6-dev"],
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
];

/** What a machine of this platform needs. */
export function requirements(platform: NodeJS.Platform): readonly Requirement[] {
  return all
    .filter(({ name }) => name !== "bwrap" || platform === "linux")
    .map((requirement) => ({ ...requirement, howToGet: commandByHand(requirement, platform) }));
}

function commandByHand(
  { aptPackages, brewFormula }: Omit<Requirement, "howToGet">,
  platform: NodeJS.Platform,
): string {
  if (platform !== "darwin") return `sudo apt-get install ${aptPackages.join(" ")}`;
  return brewFormula === undefined ? "xcode-select --install" : `brew install ${brewFormula}`;
}

/** Looks for everything that this machine needs. A program that cannot say its version is not found. */
export function checkRequirements(machine: Machine): Promise<RequirementState[]> {
  return Promise.all(
    requirements(machine.platform).map(async (requirement) => ({
      ...requirement,
      found: await find(requirement, machine),
    })),
  );
}

async function find(
  { name }: Requirement,
  { dataFolder, environment }: Machine,
): Promise<RequirementState["found"]> {
  const path =
    name === "nats-server"
      ? (await findNatsServer({ dataFolder, environment }))?.path
      : findProgram(name, { path: environment["PATH"], before: rustupFolders(environment) });
  if (path === undefined) return undefined;
  try {
    // rustup's rustc is there before any toolchain is, and then fails.
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

/** Folder of rustup's programs, which is often missing from the PATH of a service. */
function rustupFolders(environment: Machine["environment"]): string[] {
  const { CARGO_HOME: cargo, HOME: home } = environment;
  return cargo ? [join(cargo, "bin")] : home ? [join(home, ".cargo/bin")] : [];
}
