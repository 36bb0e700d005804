import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { removeTree } from "../proto/remove-tree.ts";
import type { Mount, Sandbox } from "../proto/sandbox/sandbox.ts";
import type { Isolation, TaskToml } from "../proto/task/task-definition.ts";
import { missingToolchains } from "../proto/toolchain/manifest.ts";
import { readLeftFile } from "./left-file.ts";
import type { Machine } from "./machine.ts";
import { runTaskScript, type ScriptCandidates, type ScriptLimits } from "./task-script.ts";
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

/** How a task is graded, as its definition says. */
export interface GradingRules {
  readonly limits: ScriptLimits;
  /** See `isolations` of the task's definition. */
  readonly isolation: Isolation;
}

/** What a task's definition says of grading. */
export function gradingRules({ metadata, verifier, environment }: TaskToml): GradingRules {
  return {
    limits: { seconds: verifier.timeout_sec, memoryBytes: environment.memory_mb * mebibyte },
    isolation: metadata.harness_sweep.isolation,
  };
}

/** What a task needs and this machine has not, as the end of "it has"; null if it has all. */
export function missingOf({ toolchains }: Machine, { metadata }: TaskToml): string | null {
  return missingToolchains(metadata.harness_sweep.toolchains, toolchains.toolchains);
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
 * Runs a task's hidden tests on a workspace and judges what they left.
 *
 * Under isolation `separate` the tests see the workspace, an own temporary folder and no more, and can
 * write the second only; the code under test runs in sandboxes of its own that the tests ask for, which
 * see the workspace and `tests/candidate` alone. Under `shared` the tests run it themselves, beside them.
 *
 * @param options.testsFolder the hidden `tests`, not changed
 * @param options.workspaceFolder changed by grading: hand over a copy
 * @param options.scratchFolder for folders that are gone when this settles
 * @throws SandboxError or a system error when this machine failed, JudgeProtocolError for tests that
 *   misuse the grader, the reason of `signal` when that aborts.
 */
export async function gradeWorkspace(options: {
  readonly machine: Machine;
  readonly testsFolder: string;
  readonly workspaceFolder: string;
  readonly scratchFolder: string;
  readonly rules: GradingRules;
  readonly signal: AbortSignal;
}): Promise<Grading> {
  const { machine, rules, signal } = options;
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
    const isSeparate = rules.isolation === "separate";
    const run = await runTaskScript({
      machine,
      script: join(tests.inside, "test.sh"),
      environment: {
        HARNESS_SWEEP_WORKSPACE: workspace.inside,
        HARNESS_SWEEP_TESTS: tests.inside,
        HARNESS_SWEEP_LOGS: logs.inside,
      },
      readOnly: isSeparate ? [tests, workspace] : [tests],
      writable: isSeparate ? [logs] : [workspace, logs],
      temporary: mount(sandbox, temporaryFolder, "/tmp"),
      workingFolder: workspace.inside,
      limits: rules.limits,
      candidates: isSeparate ? await layOutCandidates(sandbox, options, own) : undefined,
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

async function layOutCandidates(
  sandbox: Sandbox,
  folders: { readonly testsFolder: string; readonly workspaceFolder: string },
  own: string,
): Promise<ScriptCandidates> {
  const buildFolder = join(own, "build");
  const temporaryFolder = join(own, "candidate-temporary");
  await mkdir(buildFolder);
  return {
    places: {
      workspace: workspaceMount(sandbox, folders.workspaceFolder),
      driver: mount(sandbox, join(folders.testsFolder, "candidate"), "/driver"),
      build: mount(sandbox, buildFolder, "/build"),
      temporary: mount(sandbox, temporaryFolder, "/tmp"),
    },
    emptyTemporary: async () => {
      await removeTree(temporaryFolder);
      await mkdir(temporaryFolder);
    },
  };
}

/** Where scripts say why they gave up. */
function lastLine(output: string): string {
  return output.trim().split("\n").at(-1)?.slice(0, maxReasonLength) ?? "";
}

function withRemarks(output: string, remarks: readonly string[]): string {
  return [output, ...remarks.map((remark) => `[grader: ${remark}]`)].join("\n");
}
