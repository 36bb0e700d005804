import { randomUUID } from "node:crypto";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { limitedCommand } from "./limited-command.ts";
import { markVariable, ProcessTracker } from "./process-tracker.ts";
import type { ExceededLimit, ExitStatus, SandboxedProcess, SandboxRequest } from "./sandbox.ts";
import { SandboxError } from "./sandbox-error.ts";
import { spawnSandbox, statusDescriptor } from "./spawn-sandbox.ts";
import { keepHead } from "./stream-head.ts";
import { watchLimits } from "./watch-limits.ts";

const shell = "/bin/sh";

/** With it the shell inside says that the sandbox stands, before it becomes the command. */
const announcement = `echo started >&${statusDescriptor}; exec "$@" ${statusDescriptor}>&-`;

/**
 * Starts a request's command where there are no PID namespaces, behind a program that isolates it if
 * one is given. Its processes are accounted for by {@link ProcessTracker}.
 *
 * @param isolation program that takes a command after these words and becomes it; none without any
 */
export function startTracked(
  request: SandboxRequest,
  isolation: readonly string[],
): SandboxedProcess {
  const platform = process.platform === "darwin" ? "darwin" : "linux";
  // Without a namespace of its own the kernel would count all processes of the user.
  const { processes: _counted, ...limits } = request.limits;
  const command = limitedCommand(request.command, limits, platform);
  const [program, ...words] = [...isolation, shell, "-c", announcement, "sh", ...command];
  const mark = randomUUID();
  const started = spawnSandbox({
    program: program ?? shell,
    arguments: words,
    environment: { ...request.environment, [markVariable]: mark },
    workingFolder: request.workingFolder,
    request,
  });
  const { child, ended, stdout, input, channel } = started;
  const stderr = started.stderr.pipe(new PassThrough());
  const firstWords = keepHead(started.stderr);
  const announced = text(started.status);
  const tracker = child.pid === undefined ? undefined : new ProcessTracker(child.pid, mark);
  let killed = false;
  let giveUp = (_error: unknown): void => {};
  const stuck = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });

  const ending = (async (): Promise<ExitStatus> => {
    const end = await ended;
    await tracker?.endAll();
    if (killed || (await announced) !== "") return end;
    throw new SandboxError(`${program} could not start the command: ${await firstWords}`);
  })();
  const exited = Promise.race([ending, stuck]);
  // Whoever starts a process may look at `exited` later than it settles.
  exited.catch(() => {});

  let killing: Promise<void> | undefined;
  const kill = (): Promise<void> => {
    killed = true;
    killing ??= (async () => {
      await tracker?.endAll().catch(giveUp);
      await exited.catch(() => {});
    })();
    return killing;
  };
  const exceeded =
    tracker === undefined
      ? new Promise<never>(() => {})
      : watchTracked({ request, tracker, exited, kill });
  return { stdout, stderr, input, channel, exited, exceeded, kill };
}

function watchTracked(watched: {
  readonly request: SandboxRequest;
  readonly tracker: ProcessTracker;
  readonly exited: Promise<ExitStatus>;
  readonly kill: () => Promise<void>;
}): Promise<ExceededLimit> {
  const { request, tracker, exited, kill } = watched;
  const watching = new AbortController();
  const endWatch = (): void => watching.abort();
  exited.then(endWatch, endWatch);
  return new Promise((resolve) => {
    const onExceeded = (limit: ExceededLimit): void => {
      resolve(limit);
      void kill();
    };
    const parts = {
      limits: request.limits,
      folders: request.writable.map(({ host }) => host),
      sampleProcesses: async () => tracker.sample,
      measureMemory: async () => tracker.sample.memoryBytes,
      sampleHidden: async () => ({ writtenBytes: 0, files: 0 }),
    };
    void watchLimits(parts, onExceeded, watching.signal);
  });
}
