import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { removeTree } from "../proto/remove-tree.ts";
import type { Mount, Sandbox } from "../proto/sandbox/sandbox.ts";
import type { TaskToml } from "../proto/task/task-definition.ts";
import { readLeftFile } from "./left-file.ts";
import { type Machine, runTaskScript, type ScriptLimits } from "./task-script.ts";
import { judge, type Verdict } from "./verdict.ts";

/** A verdict with what the hidden tests printed. */
export interface Grading extends Verdict {
  /** Bounded; what was cut is stated in it. */
  readonly output: string;
  /** Wall time of the tests. */
  readonly seconds: number;
}

const maxRewardBytes = 64 * 1024;
const maxChecksFileBytes = 4 * 1024 ** 2;
const maxReasonLength = 300;
const mebibyte = 1024 ** 2;
/** Programs map more than they use: their libraries, and stacks and arenas of each thread. */
const addressSpacePerMemory = 2;

/** Bounds on a task's scripts, as its definition sets them. */
export function scriptLimits({ metadata, verifier, environment }: TaskToml): ScriptLimits {
  return {
    seconds: verifier.timeout_sec,
    addressSpaceBytes: metadata.harness_sweep.unbounded_address_space
      ? null
      : environment.memory_mb * mebibyte * addressSpacePerMemory,
  };
}

/** Where a task's scripts see the workspace: at Harbor's path, if the platform can. */
export function workspaceMount(sandbox: Sandbox, host: string): Mount {
  return mount(sandbox, host, "/app");
}

/** A host folder at the path inside that is wished for, or where the platform can show it. */
export function mount(sandbox: Sandbox, host: string, preferred: string): Mount {
  return { host, inside: sandbox.insidePath(host, preferred) };
}

/**
 * Runs a task's hidden tests on a workspace, in a sandbox that sees the two and an own temporary
 * folder, and judges what they left.
 *
 * @param options.testsFolder the hidden `tests`, not changed
 * @param options.workspaceFolder changed by grading: hand over a copy
 * @param options.scratchFolder for folders that are gone when this settles
 * @throws SandboxError or a system error when this machine failed, the reason of `signal` when that aborts.
 */
export async function gradeWorkspace(options: {
  readonly machine: Machine;
  readonly testsFolder: string;
  readonly workspaceFolder: string;
  readonly scratchFolder: string;
  readonly limits: ScriptLimits;
  readonly signal: AbortSignal;
}): Promise<Grading> {
  const { machine, limits, signal } = options;
  const { sandbox } = machine;
  const own = await mkdtemp(join(options.scratchFolder, "grading-"));
  try {
    const logsFolder = join(own, "logs");
    const temporaryFolder = join(own, "temporary");
    await mkdir(logsFolder);
    await mkdir(temporaryFolder);
    const workspace = workspaceMount(sandbox, options.workspaceFolder);
    const tests = mount(sandbox, options.testsFolder, "/tests");
    const logs = mount(sandbox, logsFolder, "/logs/verifier");
    const run = await runTaskScript({
      machine,
      script: join(tests.inside, "test.sh"),
      environment: {
        HARNESS_SWEEP_WORKSPACE: workspace.inside,
        HARNESS_SWEEP_TESTS: tests.inside,
        HARNESS_SWEEP_LOGS: logs.inside,
      },
      readOnly: [tests],
      writable: [workspace, logs],
      temporary: mount(sandbox, temporaryFolder, "/tmp"),
      workingFolder: workspace.inside,
      limits,
      signal,
    });
    const left = (name: string, maxBytes: number) => readLeftFile(join(logsFolder, name), maxBytes);
    const verdict = judge({
      end: run.end,
      rewardText: await left("reward.txt", maxRewardBytes),
      rewardJson: await left("reward.json", maxRewardBytes),
      checks: await left("checks.jsonl", maxChecksFileBytes),
    });
    return {
      ...verdict,
      reason:
        verdict.outcome === "grader_error"
          ? `${verdict.reason}: ${lastLine(run.output)}`
          : verdict.reason,
      output: withRemarks(run.output, verdict.remarks),
      seconds: run.seconds,
    };
  } finally {
    await removeTree(own);
  }
}

/** Where scripts say why they gave up. */
function lastLine(output: string): string {
  return output.trim().split("\n").at(-1)?.slice(0, maxReasonLength) ?? "";
}

function withRemarks(output: string, remarks: readonly string[]): string {
  return [output, ...remarks.map((remark) => `[grader: ${remark}]`)].join("\n");
}
