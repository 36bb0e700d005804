import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { packageRoot } from "../package-root.ts";
import { sendSignal } from "../send-signal.ts";
import {
  bubblewrapArguments,
  memoryFoldersOf,
  type SandboxAssets,
  type SystemLayout,
} from "./bubblewrap-arguments.ts";
import { asExitStatus } from "./exit-status.ts";
import { identifyProcess, isAlive, type ProcessIdentity } from "./linux-process.ts";
import { measureNamespaceMemory, sampleHiddenFiles, sampleNamespace } from "./namespace-usage.ts";
import type {
  ExceededLimit,
  ExitStatus,
  Sandbox,
  SandboxedProcess,
  SandboxRequest,
} from "./sandbox.ts";
import { SandboxError } from "./sandbox-error.ts";
import { isFiltered, seccompProgram } from "./seccomp-filter.ts";
import { spawnSandbox } from "./spawn-sandbox.ts";
import { keepHead } from "./stream-head.ts";
import { type WatchedSandbox, watchLimits } from "./watch-limits.ts";

/** Raised when the profile changes in a way that could change a result. */
const profileVersion = 2;

/** Time in which bubblewrap names its first process, and in which a killed one has to be gone. */
const patienceMs = 30_000;

const pollMs = 5;

/**
 * The sandbox of Linux: own user, mount, PID, network and IPC namespaces through `bwrap`, which is
 * given by its path.
 *
 * The end of everything inside rests on the PID namespace: its first process is bubblewrap's, and
 * when that ends the kernel ends all others before it reports it gone. bubblewrap itself may end a
 * little earlier, so `exited` also awaits that first process.
 *
 * A command that ends by signal n is reported by bubblewrap as exit code 128 + n, as shells do, and
 * is turned back into the signal here. A command that exits with such a code by itself cannot be
 * told apart and counts as ended by the signal.
 */
export function bubblewrapSandbox(bwrapPath: string): Sandbox {
  const system = readSystemLayout();
  const assets: SandboxAssets = {
    etcFolder: join(packageRoot, "proto", "sandbox", "etc"),
    bridgePath: join(packageRoot, "dist", "proto", "sandbox", "bridge.js"),
    nodePath: process.execPath,
  };
  return {
    name: `bubblewrap/${profileVersion}`,
    gatewayTransport: "socket",
    insidePath: (_host, preferred) => preferred,
    start: (request) =>
      startInBubblewrap(bwrapPath, bubblewrapArguments(request, system, assets), request),
  };
}

function readSystemLayout(): SystemLayout {
  const entries = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].filter((path) =>
    existsSync(path),
  );
  const isLink = (path: string): boolean => lstatSync(path).isSymbolicLink();
  return {
    folders: ["/usr", ...entries.filter((path) => !isLink(path))],
    links: entries.filter(isLink).map((path) => ({ path, target: readlinkSync(path) })),
  };
}

function startInBubblewrap(
  bwrapPath: string,
  bwrapArguments: readonly string[],
  request: SandboxRequest,
): SandboxedProcess {
  const started = spawnSandbox({
    program: bwrapPath,
    arguments: bwrapArguments,
    environment: request.environment,
    // The one inside is among the arguments.
    workingFolder: "/",
    filter: filterOfThisProcessor(),
    request,
  });
  const { child, ended, stdout, input, channel } = started;
  const stderr = started.stderr.pipe(new PassThrough());
  const firstWords = keepHead(started.stderr);
  const status = readStatus(started.status);
  let killed = false;
  let giveUp = (_error: SandboxError): void => {};
  const stuck = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });

  const ending = (async (): Promise<ExitStatus> => {
    const [end, first, report] = await Promise.all([ended, status.firstProcess, status.report]);
    if (first !== undefined) await endAndAwait(first);
    if (report.includes('"exit-code"')) return asExitStatus(end);
    if (killed) return { code: null, signal: "SIGKILL" };
    throw new SandboxError(
      end.signal === null
        ? `bubblewrap could not start the command: ${await firstWords}`
        : `bubblewrap was ended by ${end.signal}, which nobody here sent`,
    );
  })();
  const exited = Promise.race([ending, stuck]);
  // Whoever starts a process may look at `exited` later than it settles.
  exited.catch(() => {});

  const killOnce = async (): Promise<void> => {
    killed = true;
    // Ended any earlier, bubblewrap could leave behind a process that it has not yet told of.
    const first = await Promise.race([
      status.firstProcess,
      delay(patienceMs, undefined, { ref: false }),
    ]);
    if (first === undefined) sendSignal(child.pid, "SIGKILL");
    else if (isAlive(first)) sendSignal(first.pid, "SIGKILL");
    const overdue = setTimeout(() => {
      giveUp(new SandboxError(`processes of the sandbox ${child.pid} do not end when killed`));
    }, patienceMs);
    await exited.catch(() => {});
    clearTimeout(overdue);
  };
  let killing: Promise<void> | undefined;
  const kill = (): Promise<void> => {
    killing ??= killOnce();
    return killing;
  };
  const watching = new AbortController();
  const endWatch = (): void => watching.abort();
  exited.then(endWatch, endWatch);
  const exceeded = new Promise<ExceededLimit>((resolve) => {
    const onExceeded = (limit: ExceededLimit): void => {
      resolve(limit);
      void kill();
    };
    void status.firstProcess.then((first) =>
      first === undefined
        ? undefined
        : watchLimits(watchedNamespace(first, request), onExceeded, watching.signal),
    );
  });
  return { stdout, stderr, input, channel, exited, exceeded, kill };
}

/** What is seen of the namespace of which `first` is the first process. */
function watchedNamespace(first: ProcessIdentity, request: SandboxRequest): WatchedSandbox {
  const memoryFolders = memoryFoldersOf(request);
  // Its id means something else once it has ended, the whole machine perhaps.
  const look = async <Sample>(sample: () => Sample): Promise<Sample> => {
    const seen = sample();
    if (!isAlive(first)) throw new SandboxError("the sandbox has ended");
    return seen;
  };
  return {
    limits: request.limits,
    folders: request.writable.map(({ host }) => host),
    sampleProcesses: () => look(() => sampleNamespace(first.pid, memoryFolders)),
    measureMemory: () => look(() => measureNamespaceMemory(first.pid, memoryFolders)),
    sampleHidden: () => look(() => sampleHiddenFiles(first.pid, memoryFolders)),
  };
}

function filterOfThisProcessor(): Uint8Array {
  const { arch } = process;
  if (!isFiltered(arch)) {
    throw new SandboxError(`found processor ${arch}; the sandbox of Linux knows x64 and arm64`);
  }
  return seccompProgram(arch);
}

interface StatusReading {
  /** Everything that bubblewrap reported. */
  readonly report: Promise<string>;
  /** The first process inside, as soon as it is known; undefined if it never was or is gone. */
  readonly firstProcess: Promise<ProcessIdentity | undefined>;
}

function readStatus(pipe: Readable): StatusReading {
  let report = "";
  const ended = new Promise<string>((resolve) => {
    pipe.once("close", () => resolve(report));
  });
  const firstProcess = new Promise<ProcessIdentity | undefined>((resolve) => {
    pipe.on("data", (chunk: Buffer) => {
      report += chunk.toString();
      const pid = /"child-pid": *(\d+)\b/.exec(report)?.[1];
      if (pid !== undefined) resolve(identifyProcess(Number(pid)));
    });
    pipe.once("close", () => resolve(undefined));
  });
  return { report: ended, firstProcess };
}

async function endAndAwait(first: ProcessIdentity): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  while (isAlive(first)) {
    sendSignal(first.pid, "SIGKILL");
    if (performance.now() > deadlineMs) {
      throw new SandboxError(`process ${first.pid} of a sandbox does not end when killed`);
    }
    await delay(pollMs);
  }
}
