import { delimiter } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { channelDescriptor, type Mount } from "../proto/sandbox/sandbox.ts";
import { BoundedOutput } from "./bounded-output.ts";
import { type CandidatePlaces, cpuPerWallSecond } from "./candidate.ts";
import { serveCandidates } from "./candidate-broker.ts";
import type { Machine } from "./machine.ts";
import type { ScriptEnd } from "./verdict.ts";

/** Bounds on a script, from its task's definition. */
export interface ScriptLimits {
  /** Wall time. */
  readonly seconds: number;
  /** Memory of all its processes together. */
  readonly memoryBytes: number;
}

/** Where the code that a script judges is run, away from the script. */
export interface ScriptCandidates {
  readonly places: CandidatePlaces;
  /** See `serveCandidates`. */
  readonly emptyTemporary: () => Promise<void>;
}

/** How a script went. */
export interface ScriptRun {
  readonly end: ScriptEnd;
  /** Both outputs as they came, bounded; what was cut is stated in it. */
  readonly output: string;
  /** Wall time. */
  readonly seconds: number;
}

/** Bounds on all processes of a script together. Compilers on all cores stay below half of each. */
const totalLimits = { processes: 256, writtenBytes: 4 * 1024 ** 3, files: 200_000 };
/** Largest file that a script may write; compilers and linkers stay far below. */
const maxFileBytes = 256 * 1024 ** 2;
/** Leaves a verdict with all its checks below the largest message. */
const maxOutputBytes = 64 * 1024;
/** All processes are gone by then; only the kernel's buffers are left to read. */
const drainMs = 2_000;

/** Tells a script that candidates can be had, and where they see their folders; see `candidates.py`. */
const candidateVariable = "HARNESS_SWEEP_CANDIDATE";

/**
 * Runs a bash script of a task in the sandbox, without any network, and leaves nothing of it running.
 *
 * @param options.candidates what the script may have run in sandboxes beside its own
 * @param options.script path as seen inside
 * @param options.temporary writable folder for TMPDIR, among no others
 * @throws SandboxError when the sandbox failed, and the reason of `signal` when that aborts.
 */
export async function runTaskScript(options: {
  readonly machine: Machine;
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly readOnly: readonly Mount[];
  readonly writable: readonly Mount[];
  readonly temporary: Mount;
  readonly workingFolder: string;
  readonly limits: ScriptLimits;
  readonly candidates?: ScriptCandidates | undefined;
  readonly signal: AbortSignal;
}): Promise<ScriptRun> {
  const { machine, temporary, limits, candidates, signal } = options;
  const { sandbox, toolchains } = machine;
  signal.throwIfAborted();
  const startedAtMs = performance.now();
  const running = sandbox.start({
    command: ["/bin/bash", options.script],
    environment: {
      PATH: toolchains.searchPath.join(delimiter),
      LANG: "C.UTF-8",
      TMPDIR: temporary.inside,
      ...(candidates === undefined ? {} : { [candidateVariable]: describePlaces(candidates) }),
      ...options.environment,
    },
    workingFolder: options.workingFolder,
    readOnly: [...toolchains.mounts, ...options.readOnly],
    writable: [...options.writable, temporary],
    network: { kind: "none" },
    limits: {
      ...totalLimits,
      fileBytes: maxFileBytes,
      memoryBytes: limits.memoryBytes,
      cpuSeconds: Math.ceil(limits.seconds * cpuPerWallSecond),
    },
    withChannel: candidates !== undefined,
  });
  const broker =
    candidates === undefined || running.channel === null
      ? undefined
      : serveCandidates({ machine, channel: running.channel, ...candidates });
  const output = new BoundedOutput(maxOutputBytes);
  const drained = Promise.all([output.readFrom(running.stdout), output.readFrom(running.stderr)]);
  let timedOut = false;
  const kill = (): void => void running.kill();
  const wall = setTimeout(() => {
    timedOut = true;
    kill();
  }, limits.seconds * 1_000);
  signal.addEventListener("abort", kill, { once: true });
  try {
    const exit = await Promise.race([
      running.exited,
      ...(broker === undefined ? [] : [broker.failed]),
    ]);
    const seconds = (performance.now() - startedAtMs) / 1_000;
    signal.throwIfAborted();
    await Promise.race([drained, delay(drainMs, undefined, { ref: false })]);
    const end: ScriptEnd = timedOut
      ? { kind: "timed-out", limitSeconds: limits.seconds }
      : exit.signal === null
        ? { kind: "exited", code: exit.code ?? 0 }
        : { kind: "signalled", signal: exit.signal };
    return { end, output: output.text(), seconds };
  } finally {
    clearTimeout(wall);
    signal.removeEventListener("abort", kill);
    await running.kill();
    await broker?.close();
  }
}

function describePlaces({ places }: ScriptCandidates): string {
  return JSON.stringify({
    descriptor: channelDescriptor,
    workspace: places.workspace.inside,
    driver: places.driver.inside,
    build: places.build.inside,
    temporary: places.temporary.inside,
  });
}
