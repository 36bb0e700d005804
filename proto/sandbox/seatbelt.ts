import { randomUUID } from "node:crypto";
import { realpathSync } from "node:fs";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { limitedCommand } from "./limited-command.ts";
import { markVariable, ProcessTracker } from "./process-tracker.ts";
import type { ExitStatus, Mount, Sandbox, SandboxedProcess, SandboxRequest } from "./sandbox.ts";
import { SandboxError } from "./sandbox-error.ts";
import { seatbeltProfile } from "./seatbelt-profile.ts";
import { spawnSandbox, statusDescriptor } from "./spawn-sandbox.ts";
import { keepHead } from "./stream-head.ts";

/** Raised when the profile changes in a way that could change a result. */
const profileVersion = 1;

/** With it the shell inside says that the sandbox stands, before it becomes the command. */
const announcement = `echo started >&${statusDescriptor}; exec "$@" ${statusDescriptor}>&-`;

/**
 * The sandbox of macOS: a generated Seatbelt profile through `sandbox-exec`, which is given by its path.
 * It was written from the system's documentation and has not been proven on a Mac.
 *
 * There are no namespaces: files are seen at their own paths, and there is no private /tmp, so the
 * request has to name a writable folder as TMPDIR. Processes are accounted for by
 * {@link ProcessTracker}, which one that hides well enough escapes; what it may reach stays bounded
 * by the profile. The mark in their environment is the one variable that the request did not give.
 */
export function seatbeltSandbox(sandboxExecPath: string): Sandbox {
  return {
    name: `seatbelt/${profileVersion}`,
    gatewayTransport: "port",
    insidePath: (host) => host,
    start: (request) => startInSeatbelt(sandboxExecPath, request),
  };
}

function startInSeatbelt(sandboxExecPath: string, request: SandboxRequest): SandboxedProcess {
  const command = limitedCommand(request.command, request.limits, "darwin");
  const profile = seatbeltProfile({
    ...request,
    readOnly: request.readOnly.map(resolveLinks),
    writable: request.writable.map(resolveLinks),
  });
  const mark = randomUUID();
  const started = spawnSandbox({
    program: sandboxExecPath,
    arguments: ["-p", profile, "/bin/sh", "-c", announcement, "sh", ...command],
    environment: { ...request.environment, [markVariable]: mark },
    workingFolder: request.workingFolder,
  });
  const { child, ended, stdout } = started;
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
    throw new SandboxError(`sandbox-exec could not start the command: ${await firstWords}`);
  })();
  const exited = Promise.race([ending, stuck]);
  // Whoever starts a process may look at `exited` later than it settles.
  exited.catch(() => {});

  let killing: Promise<void> | undefined;
  return {
    stdout,
    stderr,
    exited,
    kill: () => {
      killed = true;
      killing ??= (async () => {
        await tracker?.endAll().catch(giveUp);
        await exited.catch(() => {});
      })();
      return killing;
    },
  };
}

/** Seatbelt compares paths without links: a file in /tmp is one in /private/tmp to it. */
function resolveLinks({ host, inside }: Mount): Mount {
  try {
    const target = realpathSync(host);
    return { host: target, inside: inside === host ? target : inside };
  } catch (cause) {
    throw new SandboxError(`found nothing to show at ${host}`, { cause });
  }
}
