import { mkdir, mkdtemp, statfs } from "node:fs/promises";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ArchiveError, unpackArchive } from "../proto/archive.ts";
import { sha256 } from "../proto/digest.ts";
import { paragraph } from "../proto/error-paragraph.ts";
import {
  type GradeJob,
  GradeOutcome,
  type GradeVerdict,
  GradeVerdictSchema,
} from "../proto/gen/sweep/v1/event_pb.ts";
import type { Logger } from "../proto/log.ts";
import type { FetchObject } from "../proto/nats/objects.ts";
import { removeTree } from "../proto/remove-tree.ts";
import { taskBundle } from "../proto/task/bundle-cache.ts";
import { halfLimits, readDefinition } from "../proto/task/task-folder.ts";
import { PROGRAM_VERSION } from "../proto/version.ts";
import { gradedWorkspaceLimits } from "../proto/workspace-limits.ts";
import { type Grading, gradeWorkspace, gradingRules, missingOf } from "./grade.ts";
import type { Machine } from "./machine.ts";

/** What the jobs of a grader share. */
export interface Grader {
  readonly name: string;
  readonly machine: Machine;
  /** Folder of task bundles that are kept. */
  readonly bundleFolder: string;
  /** Folder for what one job needs; emptied after it. */
  readonly scratchFolder: string;
  readonly fetchPublicHalf: FetchObject;
  readonly fetchHiddenHalf: FetchObject;
  readonly fetchWorkspace: FetchObject;
  readonly log: Logger;
}

/** Free space below which grading would fail for want of it and blame the code under test. */
const minFreeBytes = 512 * 1024 ** 2;
const maxReasonLength = 2_000;

/** The final workspace could not be had, or the disk is too full to unpack it. */
class JobError extends Error {
  override readonly name = "JobError";
}

/**
 * Grades what a job names. Whatever fails here rather than in the workspace makes a `GRADER_ERROR`,
 * which never counts against the model; an archive that is no honest workspace fails.
 *
 * @throws the reason of `signal` when that aborts: then there is no verdict.
 */
export async function performJob(
  grader: Grader,
  job: GradeJob,
  signal: AbortSignal,
): Promise<GradeVerdict> {
  const log = grader.log.child({ gradeId: job.gradeId, attemptId: job.attemptId });
  let grading: Grading;
  try {
    grading = await inOwnFolder(grader, log, (folder) => gradeIn(folder, grader, job, signal));
  } catch (error) {
    signal.throwIfAborted();
    log.error({ err: error }, "a workspace could not be graded");
    grading = withoutTests("grader_error", paragraph(error));
  }
  const { outcome, reason, seconds } = grading;
  log.info({ task: job.task, outcome, reason, seconds }, "graded");
  return create(GradeVerdictSchema, verdictMessage(grader, job, grading));
}

async function inOwnFolder<T>(
  { scratchFolder }: Grader,
  log: Logger,
  act: (folder: string) => Promise<T>,
): Promise<T> {
  await mkdir(scratchFolder, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(scratchFolder, "job-"));
  try {
    return await act(folder);
  } finally {
    await removeTree(folder).catch((error: unknown) => {
      log.warn({ err: error, folder }, "the folder of a job could not be removed");
    });
  }
}

async function gradeIn(
  folder: string,
  grader: Grader,
  job: GradeJob,
  signal: AbortSignal,
): Promise<Grading> {
  await requireSpace(folder);
  const bundle = (digest: string, fetch: FetchObject) =>
    taskBundle({ folder: grader.bundleFolder, digest, fetch, nowMs: Date.now() });
  const publicHalf = await bundle(job.taskPublicDigest, grader.fetchPublicHalf);
  const hiddenHalf = await bundle(job.taskHiddenDigest, grader.fetchHiddenHalf);
  const workspace = await fetchVerified(grader, job.workspaceDigest);
  signal.throwIfAborted();
  const publicFolder = await emptyFolder(folder, "public");
  const hiddenFolder = await emptyFolder(folder, "hidden");
  const workspaceFolder = await emptyFolder(folder, "workspace");
  await unpackArchive(publicHalf, publicFolder, halfLimits);
  await unpackArchive(hiddenHalf, hiddenFolder, halfLimits);
  const definition = await readDefinition(join(publicFolder, "task.toml"));
  const lacking = missingOf(grader.machine, definition);
  if (lacking !== null) return withoutTests("grader_error", `this grader has ${lacking}`);
  try {
    await unpackArchive(workspace, workspaceFolder, gradedWorkspaceLimits);
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    return withoutTests("failed", `the final workspace was refused: ${paragraph(error)}`);
  }
  return gradeWorkspace({
    machine: grader.machine,
    testsFolder: join(hiddenFolder, "tests"),
    workspaceFolder,
    scratchFolder: folder,
    rules: gradingRules(definition),
    signal,
  });
}

async function requireSpace(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free < minFreeBytes) {
    throw new JobError(
      `the disk of ${folder} has ${free} bytes left, grading needs ${minFreeBytes}; free some, or set SWEEP_DATA to another disk`,
    );
  }
}

async function fetchVerified({ fetchWorkspace }: Grader, digest: string): Promise<Uint8Array> {
  const bytes = await fetchWorkspace(digest).catch((cause: unknown) => {
    throw new JobError(`the object store did not give the workspace ${digest}`, { cause });
  });
  if (bytes === null) throw new JobError(`the object store has no workspace ${digest}`);
  const found = sha256(bytes);
  if (found !== digest) {
    throw new JobError(`the object store holds other bytes (${found}) as workspace ${digest}`);
  }
  return bytes;
}

async function emptyFolder(parent: string, name: string): Promise<string> {
  const path = join(parent, name);
  await mkdir(path);
  return path;
}

function withoutTests(outcome: "failed" | "grader_error", reason: string): Grading {
  return { outcome, reason, reward: 0, checks: [], remarks: [], output: "", seconds: 0 };
}

const outcomes = {
  passed: GradeOutcome.PASSED,
  failed: GradeOutcome.FAILED,
  grader_error: GradeOutcome.GRADER_ERROR,
} as const;

function verdictMessage(
  { name, machine }: Grader,
  job: GradeJob,
  grading: Grading,
): MessageInitShape<typeof GradeVerdictSchema> {
  return {
    entryId: `grade/${job.gradeId}/verdict`,
    gradeId: job.gradeId,
    attemptId: job.attemptId,
    graderName: name,
    graderVersion: PROGRAM_VERSION,
    outcome: outcomes[grading.outcome],
    reason: grading.reason.slice(0, maxReasonLength),
    reward: grading.reward,
    checks: grading.checks.map((check) => ({ ...check })),
    output: grading.output,
    seconds: grading.seconds,
    toolchains: machine.toolchains.toolchains.map(({ name: tool, version }) => ({
      name: tool,
      version,
    })),
    sandbox: machine.sandbox.name,
  };
}
