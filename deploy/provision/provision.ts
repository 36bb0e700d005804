import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { promisify } from "node:util";
import { findProgram } from "../../proto/find-program.ts";
import { unpackedToolsFolder } from "../embedded/nats-server-binary.ts";
import { type Means, planProvision, type Step } from "./plan.ts";
import { checkRequirements, type Machine } from "./requirements.ts";

/** This machine lacks something that could not be obtained. The message says what the user can do. */
export class ProvisionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ProvisionError";
  }
}

/** A compiler and its libraries over a slow line. */
const stepLimitMs = 15 * 60_000;
const sudoLimitMs = 5_000;
/** Lines of a failed command that the error shows. */
const shownLines = 12;

/**
 * Obtains what this machine needs for a lab and lacks; what is there is left alone. Each step is
 * printed before it is done.
 *
 * @throws ProvisionError naming the command that failed or has to be run by hand.
 */
export async function provision(options: {
  readonly machine: Machine;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { machine, print, signal } = options;
  const missing = async () => (await checkRequirements(machine)).filter(({ found }) => !found);
  const plan = planProvision(await missing(), await meansOf(machine));
  switch (plan.kind) {
    case "by-hand":
      throw new ProvisionError(plan.message);
    case "steps":
      for (const step of plan.steps) await take({ step, machine, print, signal });
  }
  const stillMissing = plan.steps.length === 0 ? [] : await missing();
  if (stillMissing.length > 0) {
    throw new ProvisionError(
      `installed, but still not found: ${stillMissing.map(({ name, howToGet }) => `${name} (${howToGet})`).join(", ")}`,
    );
  }
}

async function meansOf({ platform, dataFolder, environment }: Machine): Promise<Means> {
  const path = environment["PATH"];
  const toolsFolder = unpackedToolsFolder(dataFolder);
  const isRoot = process.getuid?.() === 0;
  return {
    platform,
    isRoot,
    hasSudo: !isRoot && (await sudoWorks(path)),
    hasApt: findProgram("apt-get", { path }) !== undefined,
    brew: findProgram("brew", { path }),
    toolsFolder,
  };
}

async function sudoWorks(path: string | undefined): Promise<boolean> {
  const sudo = findProgram("sudo", { path });
  if (sudo === undefined) return false;
  try {
    await promisify(execFile)(sudo, ["-n", "true"], { timeout: sudoLimitMs });
    return true;
  } catch {
    return false;
  }
}

async function take(options: {
  readonly step: Step;
  readonly machine: Machine;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { step, machine, print, signal } = options;
  mkdirSync(unpackedToolsFolder(machine.dataFolder), { recursive: true });
  const run = async ([program, ...rest]: Step["command"]): Promise<void> => {
    await promisify(execFile)(program, rest, {
      timeout: stepLimitMs,
      maxBuffer: 64 * 1024 * 1024,
      env: { ...machine.environment, LC_ALL: "C" },
      signal,
    });
  };
  print(`${step.purpose}: ${step.command.join(" ")}`);
  try {
    await run(step.command);
  } catch (first) {
    signal.throwIfAborted();
    if (step.beforeRetry === undefined) throw failure(step, first);
    print(`that failed, perhaps for want of fresh package lists: ${step.beforeRetry.join(" ")}`);
    try {
      await run(step.beforeRetry);
      await run(step.command);
    } catch (second) {
      signal.throwIfAborted();
      throw failure(step, second);
    }
  }
}

function failure(step: Step, cause: unknown): ProvisionError {
  const said = cause instanceof Error && "stderr" in cause ? String(cause.stderr) : String(cause);
  const end = said.trimEnd().split("\n").slice(-shownLines).join("\n");
  return new ProvisionError(
    `could not ${step.purpose} (${step.command.join(" ")}):\n${end}\nBy hand: ${step.byHand}`,
    {
      cause,
    },
  );
}
