import { delimiter } from "node:path";
import type { Duplex } from "node:stream";
import {
  channelDescriptor,
  type ExceededLimit,
  type Mount,
  type SandboxedProcess,
} from "../proto/sandbox/sandbox.ts";
import { BoundedOutput } from "./bounded-output.ts";
import type { CandidateStart } from "./candidate-message.ts";
import type { Machine } from "./machine.ts";

/** Folders of one grade that its candidates see, and nothing else of it. */
export interface CandidatePlaces {
  /** The final workspace, to be written. */
  readonly workspace: Mount;
  /** The task's `tests/candidate`. */
  readonly driver: Mount;
  /** What candidates leave for later ones, such as a compiled program. */
  readonly build: Mount;
  /** For TMPDIR. */
  readonly temporary: Mount;
}

/** A candidate under way. */
export interface RunningCandidate {
  readonly send: (data: Uint8Array) => void;
  readonly closeInput: () => void;
  /** Its end as a judge is told of it: see `GraderMessage`. Rejects with a SandboxError when the sandbox failed. */
  readonly ended: Promise<{ readonly fault: string | null; readonly errors: string }>;
  readonly kill: () => Promise<void>;
}

/** Bounds on all processes of a candidate together that no task sets. */
const totalLimits = { processes: 128, writtenBytes: 2 * 1024 ** 3, files: 50_000 };
const openFiles = 512;
/** Processor time of one process: a compiler or a test with threads may use this many cores all the time. */
export const cpuPerWallSecond = 8;
const errorsBytes = 4 * 1024;

/**
 * Starts a candidate in a sandbox of its own: without network, without the hidden tests, with limits
 * on wall and CPU time, memory, processes, files and what it answers. What it writes to the pipe that
 * ANSWER_PIPE numbers goes to `onAnswer`.
 *
 * @throws SandboxError for what shows at once.
 */
export function startCandidate(
  { sandbox, toolchains }: Machine,
  places: CandidatePlaces,
  start: CandidateStart,
  onAnswer: (chunk: Buffer) => void,
): RunningCandidate {
  const { limits } = start;
  const running = sandbox.start({
    command: start.command,
    environment: {
      PATH: toolchains.searchPath.join(delimiter),
      ...start.environment,
      ANSWER_PIPE: String(channelDescriptor),
    },
    workingFolder: start.folder,
    readOnly: [...toolchains.mounts, places.driver],
    writable: [places.workspace, places.build, places.temporary],
    network: { kind: "none" },
    limits: {
      ...totalLimits,
      openFiles,
      memoryBytes: limits.memoryBytes,
      fileBytes: limits.fileBytes,
      cpuSeconds: Math.ceil(limits.seconds * cpuPerWallSecond),
    },
    withInput: true,
    withChannel: true,
  });
  const errors = new BoundedOutput(errorsBytes);
  const drained = errors.readFrom(running.stderr);
  running.stdout.resume();
  const { input } = running;
  input?.write(start.input);
  return {
    send: (data) => void input?.write(data),
    closeInput: () => void input?.end(),
    ended: awaitEnd(running, start, onAnswer).then(async (fault) => {
      await drained;
      return { fault, errors: errors.text() };
    }),
    kill: () => running.kill(),
  };
}

async function awaitEnd(
  running: SandboxedProcess,
  { limits }: CandidateStart,
  onAnswer: (chunk: Buffer) => void,
): Promise<string | null> {
  let fault: string | null = null;
  const stopFor = (what: string): void => {
    fault ??= what;
    void running.kill();
  };
  const wall = setTimeout(() => stopFor("did not end in time"), limits.seconds * 1_000);
  void running.exceeded.then((exceeded) => {
    fault ??= describeExceeded(exceeded);
  });
  const answered = readAnswer(running.channel, limits.answerBytes, onAnswer, () =>
    stopFor("sent too long an answer"),
  );
  try {
    const { code, signal } = await running.exited;
    await answered;
    if (fault !== null) return fault;
    if (signal !== null) return `was ended by signal ${signal}`;
    return code === 0 ? null : `exited with status ${code}`;
  } finally {
    clearTimeout(wall);
  }
}

/** Resolves when nobody inside holds the channel any more. */
function readAnswer(
  channel: Duplex | null,
  maxBytes: number,
  onAnswer: (chunk: Buffer) => void,
  onTooLong: () => void,
): Promise<void> {
  let bytes = 0;
  channel?.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) onTooLong();
    else onAnswer(chunk);
  });
  return new Promise((resolve) => {
    if (channel === null || channel.destroyed) resolve();
    else channel.once("close", resolve);
  });
}

function describeExceeded({ limit, allowed, found }: ExceededLimit): string {
  const what = {
    memoryBytes: "bytes of memory",
    processes: "processes",
    writtenBytes: "bytes in files",
    files: "files",
  }[limit];
  return `used ${found} ${what} where ${allowed} are allowed`;
}
