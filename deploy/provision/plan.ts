import { join } from "node:path";
import type { Requirement } from "./requirements.ts";

/** What decides how programs can be installed. */
export interface Means {
  readonly platform: NodeJS.Platform;
  readonly isRoot: boolean;
  /** `sudo -n` works, so nobody will be asked for a password. */
  readonly hasSudo: boolean;
  readonly hasApt: boolean;
  /** Path of Homebrew's program, if it is installed. */
  readonly brew: string | undefined;
  /** Folder that Debian packages are unpacked to without being installed. */
  readonly toolsFolder: string;
}

/** One command, with what it is for. */
export interface Step {
  readonly purpose: string;
  readonly command: readonly [string, ...string[]];
  /** Command that may make a second attempt succeed: fresh package lists. */
  readonly beforeRetry: readonly [string, ...string[]] | undefined;
  /** What the user can run if the step fails. */
  readonly byHand: string;
}

/** How to get what is missing: the steps, or why it cannot be done and what the user can do. */
export type ProvisionPlan =
  | { readonly kind: "steps"; readonly steps: readonly Step[] }
  | { readonly kind: "by-hand"; readonly message: string };

/**
 * Decides how to get the missing programs.
 *
 * On Debian and Ubuntu nats-server is downloaded and unpacked under the lab's own folder, whoever
 * asks: installed as a package it would also start a server on the standard port. Everything else is
 * installed with the rights of root or of a sudo that needs no password.
 */
export function planProvision(missing: readonly Requirement[], means: Means): ProvisionPlan {
  if (missing.length === 0) return { kind: "steps", steps: [] };
  if (means.platform === "darwin") return planHomebrew(missing, means);
  if (means.platform === "linux" && means.hasApt) return planApt(missing, means);
  const names = missing.map(({ name, neededFor }) => `${name} (needed ${neededFor})`).join(", ");
  return byHand(`missing: ${names}. Install them with this system's package manager`);
}

function planHomebrew(missing: readonly Requirement[], { brew }: Means): ProvisionPlan {
  const fromApple = missing.filter(({ brewFormula }) => brewFormula === undefined);
  if (fromApple.length > 0) {
    return byHand(`missing: ${namesOf(fromApple)}. Run: xcode-select --install`);
  }
  const formulas = [...new Set(missing.flatMap(({ brewFormula }) => brewFormula ?? []))];
  if (brew === undefined) {
    return byHand(
      `missing: ${namesOf(missing)}. Install Homebrew (https://brew.sh), then run: brew install ${formulas.join(" ")}`,
    );
  }
  return {
    kind: "steps",
    steps: [
      {
        purpose: `install ${namesOf(missing)} with Homebrew`,
        command: [brew, "install", ...formulas],
        beforeRetry: undefined,
        byHand: `brew install ${formulas.join(" ")}`,
      },
    ],
  };
}

function planApt(missing: readonly Requirement[], means: Means): ProvisionPlan {
  const { isRoot, hasSudo, toolsFolder } = means;
  const asRoot = isRoot ? [] : ["sudo", "-n"];
  const update =
    isRoot || hasSudo ? command([...asRoot, "apt-get", "update", ...waitForLock]) : undefined;
  const steps: Step[] = [];

  const installed = missing.filter(({ name }) => name !== "nats-server");
  if (installed.length > 0) {
    const packages = installed.flatMap(({ aptPackages }) => aptPackages);
    if (update === undefined) {
      return byHand(
        `missing: ${namesOf(installed)}, and neither root nor a sudo without password is at hand. ` +
          `Run: ${aptByHand(packages)}`,
      );
    }
    steps.push({
      purpose: `install ${namesOf(installed)} with apt-get`,
      command: command([
        ...asRoot,
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "--yes",
        "--no-install-recommends",
        ...waitForLock,
        ...packages,
      ]),
      beforeRetry: update,
      byHand: aptByHand(packages),
    });
  }
  if (installed.length < missing.length) {
    // One shell line, since the file's name contains a version that is not known before.
    const unpack = `cd "$0" && rm -f nats-server_*.deb && apt-get download nats-server && dpkg -x nats-server_*.deb . && rm nats-server_*.deb`;
    steps.push({
      purpose: `unpack nats-server from Debian's package into ${join(toolsFolder, "usr/sbin")}`,
      command: ["/bin/sh", "-c", unpack, toolsFolder],
      beforeRetry: update,
      byHand: aptByHand(["nats-server"]),
    });
  }
  return { kind: "steps", steps };
}

/** Another package manager may be at work, as on a machine that has just started. */
const waitForLock = ["-o", "DPkg::Lock::Timeout=120"];

const aptByHand = (packages: readonly string[]): string =>
  `sudo apt-get update && sudo apt-get install -y ${packages.join(" ")}`;

const namesOf = (list: readonly Requirement[]): string => list.map(({ name }) => name).join(", ");

const byHand = (message: string): ProvisionPlan => ({ kind: "by-hand", message });

function command([program = "", ...rest]: readonly string[]): [string, ...string[]] {
  return [program, ...rest];
}
