import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import type { Readable } from "node:stream";
import type { ExitStatus } from "./sandbox/sandbox.ts";
import { sendSignal } from "./send-signal.ts";

/**
 * Foreign programs that end when this process ends, by whatever means it ends.
 *
 * `/bin/sh` first starts a watcher and then becomes the program (`exec`), so pid, exit code and
 * signal are the program's own. The watcher reads a pipe of which this process alone holds the other
 * end. The kernel closes it when this process dies, SIGKILL included, and the watcher then asks the
 * program to stop and, after the grace, kills its process group. A line on the pipe instead of its
 * end says that the program ended first, so that a pid in use by somebody else is never signalled.
 *
 * The watcher is started by a subshell that ends at once: a program such as Postgres, which waits
 * for any child, must not find one that it never started.
 */
const script = `
( (
  if read -r _ <&3; then exit 0; fi
  kill -s "$TETHER_STOP_SIGNAL" $$ 2>/dev/null || exit 0
  tenths=0
  while [ $tenths -lt "$TETHER_GRACE_TENTHS" ]; do
    kill -0 $$ 2>/dev/null || break
    sleep 0.1
    tenths=$((tenths + 1))
  done
  kill -s KILL -- -$$
) >/dev/null 2>&1 & )
unset TETHER_STOP_SIGNAL TETHER_GRACE_TENTHS
exec "$@" 3<&-
`;

/** Where an output of the program goes: nowhere, to a stream of this process, or to an open file. */
export type TetheredOutput = "ignore" | "pipe" | number;

/** What to start, and how it is to end. */
export interface TetherOptions {
  /** Absolute path. */
  readonly program: string;
  readonly arguments: readonly string[];
  /** The complete environment; nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingFolder: string;
  readonly stdout: TetheredOutput;
  readonly stderr: TetheredOutput;
  /** Asks this program to stop in order: SIGTERM for most, SIGINT for Postgres. */
  readonly stopSignal: NodeJS.Signals;
  /** Time between the stop signal and SIGKILL to the process group, in milliseconds. */
  readonly graceMs: number;
  /** Account to run as, when this process is root and the program refuses to be. */
  readonly account?: { readonly uid: number; readonly gid: number };
}

/** A running program, leader of a session and process group of its own. */
export interface TetheredProcess {
  readonly pid: number;
  /** Present when asked for as `pipe`. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** How the program ended. Never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** Sends one signal to the program alone; nothing happens once it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** Stops in order, then by force after the grace. Idempotent; settles when the program has ended. */
  stop(): Promise<ExitStatus>;
}

/** The program cannot be started: it is absent, not executable, or the system refused. */
export class TetherError extends Error {
  constructor(program: string, options: ErrorOptions) {
    super(`cannot start ${program}: found no program there that this user may execute`, options);
    this.name = "TetherError";
  }
}

/**
 * Starts `program` tied to the life of this process.
 *
 * @throws TetherError when there is nothing to execute at that path.
 */
export async function spawnTethered(options: TetherOptions): Promise<TetheredProcess> {
  const { program, stopSignal, graceMs } = options;
  let child: ChildProcess;
  try {
    accessSync(program, constants.X_OK);
    child = spawn("/bin/sh", ["-c", script, "tether", program, ...options.arguments], {
      cwd: options.workingFolder,
      env: {
        ...options.environment,
        TETHER_STOP_SIGNAL: stopSignal.slice("SIG".length),
        TETHER_GRACE_TENTHS: String(Math.ceil(graceMs / 100)),
      },
      stdio: ["ignore", options.stdout, options.stderr, "pipe"],
      detached: true,
      ...options.account,
    });
    await once(child, "spawn");
  } catch (cause) {
    throw new TetherError(program, { cause });
  }
  const { pid, stdio } = child;
  const lifeline = stdio[3];
  if (pid === undefined || !lifeline || !("write" in lifeline)) {
    throw new TetherError(program, { cause: new Error("the system gave no process id or pipe") });
  }
  // The watcher may have been killed; then there is nobody left to tell.
  lifeline.on("error", () => {});

  const exited = new Promise<ExitStatus>((resolve) => {
    child.once("exit", (code, signal) => {
      lifeline.end("ended\n");
      resolve({ code, signal });
    });
  });
  let stopping: Promise<ExitStatus> | undefined;
  return {
    pid,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    kill: (signal) => void child.kill(signal),
    stop: () => {
      stopping ??= stopInOrder({ child, pid, exited, stopSignal, graceMs });
      return stopping;
    },
  };
}

async function stopInOrder(options: {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  readonly stopSignal: NodeJS.Signals;
  readonly graceMs: number;
}): Promise<ExitStatus> {
  const { child, pid, exited, stopSignal, graceMs } = options;
  child.kill(stopSignal);
  const force = setTimeout(() => sendSignal(-pid, "SIGKILL"), graceMs);
  const status = await exited;
  clearTimeout(force);
  return status;
}
