import { mkdirSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { destination } from "pino";
import { isMap, parseDocument } from "yaml";
import { drivenHarnesses, installHarness } from "../agent-node/harness/installation.ts";
import type { CliContext } from "../coordinator/cli/context.ts";
import { type Operator, withOperatorAt } from "../coordinator/cli/operator-calls.ts";
import { formatResults } from "../coordinator/cli/results.ts";
import { watchSweep } from "../coordinator/cli/watch.ts";
import { SweepFileError, sweepReader } from "../coordinator/operator/sweep-reader.ts";
import { harnessNames } from "../proto/harness-names.ts";
import { createRootLogger, type Logger } from "../proto/log.ts";
import { packageRoot } from "../proto/package-root.ts";
import { proveSandbox } from "../proto/sandbox/escape/proof.ts";
import { platformSandbox } from "../proto/sandbox/platform-sandbox.ts";
import { installPythonEnvironment } from "../proto/toolchain/install-python.ts";
import { lockedNames } from "../proto/toolchain/manifest.ts";
import { taskPackages, toolchainFolder } from "../proto/toolchain/python-environment.ts";
import { devNodeSettings } from "./dev-node.ts";
import { type LocalLab, startLocalLab } from "./local-lab.ts";
import { provision } from "./provision/provision.ts";

/** A sweep of the development lab as it was read from its file. */
interface DevSweep {
  readonly fileName: string;
  readonly text: string;
  readonly name: string;
  readonly harnesses: readonly string[];
  /** Names of the toolchains that its tasks need. */
  readonly toolchains: ReadonlySet<string>;
}

/** Installed for a lab without a sweep; `sweep node setup` brings the others, a gigabyte and more. */
const lightestHarnesses = ["pi", "claude"];

/** A submission packs and stores every task of the sweep. */
const submitLimitMs = 120_000;

/**
 * A whole lab on this machine: obtains what is missing, starts every process, submits and watches a
 * sweep if one is given, and stops everything in order at the end, at an error, or at Ctrl-C. Ends
 * this process: 0, 1 after a failure, 130 when interrupted.
 */
export async function runDev(options: {
  readonly nodes: number;
  readonly sweepFile: string | undefined;
  /** In place of those of the sweep file: `all`, or names with commas between. */
  readonly harnesses: string | undefined;
  /** Stop when the sweep has ended, instead of waiting for Ctrl-C. */
  readonly exit: boolean;
}): Promise<never> {
  const { nodes, sweepFile, harnesses, exit } = options;
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => interrupted.abort(new Error(`stopped by ${signal}`)));
  }
  const { signal } = interrupted;
  const dataFolder = join(process.cwd(), ".sweep");
  mkdirSync(dataFolder, { recursive: true, mode: 0o755 });
  const log = createRootLogger({
    name: "lab",
    level: "info",
    secrets: [],
    stream: destination({ dest: join(dataFolder, "lab.log"), sync: true }),
  });
  const context: CliContext = {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    folder: process.cwd(),
  };
  let lab: LocalLab | undefined;
  try {
    const sweep = sweepFile === undefined ? undefined : await readDevSweep(sweepFile, harnesses);
    const machine = { platform: process.platform, dataFolder, environment: process.env };
    await provision({ machine, print, signal });
    if (lockedNames.some((name) => sweep?.toolchains.has(name))) {
      const folder = toolchainFolder();
      await installPythonEnvironment({ lock: taskPackages, folder, print, signal });
    }
    await installHarnesses(sweep?.harnesses ?? lightestHarnesses, dataFolder, log, signal);
    print("sandbox: trying to break out of it, unless that was done on this machine");
    const proof = await proveSandbox(await platformSandbox(), dataFolder, signal);
    if (!proof.passed) print(`sandbox: does not hold (${proof.failures.join(", ")})`);
    print(
      `starting Postgres, NATS, a coordinator, a grader and ${nodes} nodes under ${shown(dataFolder)}`,
    );
    lab = await startLocalLab({
      dataFolder,
      nodes,
      settings: {
        coordinator: {},
        grader: {},
        node: devNodeSettings(process.env, dataFolder),
      },
      log,
      signal,
    });
    const { address: coordinator, labToken } = lab;
    print(`the lab serves at ${coordinator}`);
    if (sweep !== undefined) {
      const source = join(dataFolder, "lab.json");
      // The watcher outlives restarts of the coordinator; an interruption ends it with the process.
      await orAborted(
        withOperatorAt({ coordinator, labToken, source }, (operator) =>
          runSweep(operator, sweep, context),
        ),
        signal,
      );
    }
    printWhereToLook(lab, dataFolder, sweep !== undefined && exit);
    if (sweep === undefined || !exit) await orAborted(new Promise<never>(() => undefined), signal);
    await lab.stop();
    return process.exit(0);
  } catch (error) {
    if (signal.aborted) print("stopping");
    await lab?.stop();
    if (signal.aborted) return process.exit(130);
    throw error;
  }
}

async function readDevSweep(path: string, harnesses: string | undefined): Promise<DevSweep> {
  const written = readFileSync(path, "utf8");
  const text = harnesses === undefined ? written : withHarnesses(written, harnesses);
  const fileName = shown(path);
  const reader = sweepReader([join(packageRoot, "tasks")], harnessNames);
  const { sweep, missingTasks, toolchains } = await reader.readDefinition(fileName, text);
  if (missingTasks.length > 0) throw new SweepFileError(missingTasks.join("\n"));
  return {
    fileName: basename(path),
    text,
    name: sweep.name,
    harnesses: sweep.harnesses,
    toolchains: new Set([...toolchains.values()].flat()),
  };
}

/** The text of a sweep file with other harnesses in it, comments and all else as they were. */
function withHarnesses(text: string, harnesses: string): string {
  const document = parseDocument(text);
  // What is wrong with it is said where it is read.
  if (!isMap(document.contents)) return text;
  document.set("harnesses", harnesses === "all" ? drivenHarnesses : harnesses.split(","));
  return document.toString({ lineWidth: 0 });
}

async function installHarnesses(
  names: readonly string[],
  dataFolder: string,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  for (const name of names) {
    if (!drivenHarnesses.some((driven) => driven === name)) continue;
    print(`harness ${name}: installing from its lockfile, unless it is there`);
    await installHarness({ name, folder: join(dataFolder, "harnesses"), log, signal });
  }
}

async function runSweep(operator: Operator, sweep: DevSweep, context: CliContext): Promise<void> {
  const { sweeps } = await operator.listSweeps({});
  const name = freeName(
    sweep.name,
    sweeps.map((known) => known.name),
  );
  const { fileName, text } = sweep;
  const submitted = await operator.submitSweep(
    { fileName, text, name },
    { deadlineMs: submitLimitMs },
  );
  print(`sweep ${submitted.sweepName}: ${submitted.runsAdded} runs`);
  await watchSweep(operator, submitted.sweepName, false, context);
  const { combinations } = await operator.listCombinationResults({ sweep: submitted.sweepName });
  print(`\n${formatResults(combinations)}`);
}

/** `wanted`, or with the first number from 2 that makes it new: each call is a sweep of its own. */
function freeName(wanted: string, taken: readonly string[]): string {
  if (!taken.includes(wanted)) return wanted;
  for (let number = 2; ; number += 1) {
    const name = `${wanted}-${number}`;
    if (!taken.includes(name)) return name;
  }
}

function printWhereToLook(lab: LocalLab, dataFolder: string, stops: boolean): void {
  const lines = [
    stops
      ? "The lab stops now. `npx sweep dev` starts it again with all its results; then, in another terminal:"
      : "In another terminal:",
    "  npx sweep list | status | runs | show | trace    what was run, and how it went",
    `  psql '${lab.databaseUrl}' -c 'select * from run_results'`,
    `Logs: ${shown(dataFolder)}/lab.log, ${shown(dataFolder)}/logs/`,
    ...(stops ? [] : ["Ctrl-C stops everything."]),
  ];
  print(lines.join("\n"));
}

async function orAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  const aborted = new Promise<never>((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return Promise.race([work, aborted]);
}

function shown(path: string): string {
  return relative(process.cwd(), path) || ".";
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
