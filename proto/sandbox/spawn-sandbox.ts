import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { Duplex, Readable, Writable } from "node:stream";
import { channelDescriptor, type ExitStatus, type SandboxRequest } from "./sandbox.ts";
import { SandboxError } from "./sandbox-error.ts";

/** File descriptor on which an isolating program reports how far it came. */
export const statusDescriptor = 3;

/** File descriptor from which it reads the filter for system calls, where there is one. */
export const filterDescriptor = 4;

/**
 * Closes what this process was started with beyond the descriptors up to `last`, which Node passes on,
 * and becomes the program without the variables that bash adds. Run with `-p`, since a variable of the
 * request could otherwise name a script for bash to read outside of the sandbox.
 */
const closeInherited = (last: number): string => `
for fd in /dev/fd/*; do
  fd=\${fd##*/}
  [ "$fd" -le ${last} ] || eval "exec $fd>&-"
done
exec /usr/bin/env -u SHLVL -u OLDPWD -u _ "$@"`;

/** A program that isolates, as the parent sees it. */
export interface SpawnedSandbox {
  readonly child: ChildProcess;
  /** How that one process ended; rejects with a SandboxError if it could not be started. */
  readonly ended: Promise<ExitStatus>;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** What it writes to {@link statusDescriptor}. */
  readonly status: Readable;
  readonly input: Writable | null;
  readonly channel: Duplex | null;
}

/**
 * Starts a program that isolates.
 * @throws SandboxError when the system refuses at once: arguments too long, no descriptors left.
 */
export function spawnSandbox(options: {
  readonly program: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingFolder: string;
  /** To be read from {@link filterDescriptor}. */
  readonly filter?: Uint8Array;
  readonly request: Pick<SandboxRequest, "withInput" | "withChannel">;
}): SpawnedSandbox {
  const { program, environment, workingFolder, filter, request } = options;
  const { withInput = false, withChannel = false } = request;
  const close = closeInherited(withChannel ? channelDescriptor : filterDescriptor);
  const words = ["-p", "-c", close, "bash", program, ...options.arguments];
  const child = spawnOrExplain("/bin/bash", words, {
    env: environment,
    cwd: workingFolder,
    stdio: [
      withInput ? "pipe" : "ignore",
      "pipe",
      "pipe",
      "pipe",
      filter === undefined ? "ignore" : "pipe",
      ...(withChannel ? ["pipe" as const] : []),
    ],
    // An own process group, so that a Ctrl-C meant for this program does not end runs out of order.
    detached: true,
  });
  const ended = new Promise<ExitStatus>((resolve, reject) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
    child.once("error", (cause) => reject(unstartable(program, cause)));
  });
  ended.catch(() => {});
  const { stdout, stderr } = child;
  const status = child.stdio?.[statusDescriptor];
  const filterPipe = child.stdio?.[filterDescriptor];
  const input = child.stdin ?? null;
  const channelPipe = child.stdio?.at(channelDescriptor);
  const channel = channelPipe instanceof Duplex ? channelPipe : null;
  // Node leaves the streams out when it could not make the pipes.
  if (!stdout || !stderr || !(status instanceof Readable) || (withChannel && channel === null)) {
    throw new SandboxError(`cannot start ${program}: no file descriptors are left`);
  }
  // What is written to one that has ended is lost; `ended` tells.
  for (const stream of [input, channel]) stream?.on("error", () => {});
  if (filterPipe instanceof Writable) {
    // One that ended before it read the filter says on its own why.
    filterPipe.on("error", () => {});
    filterPipe.end(filter);
  }
  return { child, ended, stdout, stderr, status, input, channel };
}

function spawnOrExplain(
  program: string,
  programArguments: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  try {
    return spawn(program, programArguments, options);
  } catch (cause) {
    throw unstartable(program, cause);
  }
}

function unstartable(program: string, cause: unknown): SandboxError {
  const found = cause instanceof Error ? cause.message : String(cause);
  return new SandboxError(`cannot start ${program}: ${found}`, { cause });
}
