import { cp, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { paragraph } from "../proto/error-paragraph.ts";
import { removeTree } from "../proto/remove-tree.ts";
import {
  findTaskFolders,
  loadTask,
  type Task,
  TaskFolderError,
} from "../proto/task/task-folder.ts";
import { type Grading, gradeWorkspace, mount, scriptLimits, workspaceMount } from "./grade.ts";
import { type Machine, runTaskScript } from "./task-script.ts";
import { described } from "./verdict.ts";

/** What a task was checked with: its reference solution, or its workspace as an agent gets it. */
export type CheckedWith = "solution" | "untouched";

/** One line of the check of tasks. */
export interface TaskCheck {
  readonly task: string;
  readonly what: CheckedWith;
  /** A usable task passes with its solution and fails untouched. */
  readonly expected: "passed" | "failed";
  /** `grader_error` also for a task that could not be read or a solution that could not be written. */
  readonly outcome: Grading["outcome"];
  readonly reason: string;
  readonly checksPassed: number;
  readonly checksTotal: number;
  /** Wall time of the hidden tests. */
  readonly seconds: number;
  /** Whether the outcome is the expected one. */
  readonly ok: boolean;
}

const expectations = [
  ["solution", "passed"],
  ["untouched", "failed"],
] as const;

/**
 * Proves of each task that its solution passes and its untouched workspace fails, on this machine and
 * by the same grading that runs get. Yields two rows a task, in the order of the tasks' names.
 *
 * @param options.roots folders that hold task folders
 * @param options.ids the tasks to check; all if absent
 * @throws TaskFolderError when a root cannot be read or a task of `ids` is not there.
 */
export async function* checkTasks(options: {
  readonly roots: readonly string[];
  readonly ids?: readonly string[];
  readonly scratchFolder: string;
  readonly machine: Machine;
  readonly signal: AbortSignal;
}): AsyncGenerator<TaskCheck> {
  const { roots, ids, signal } = options;
  const folders = await findTaskFolders(roots);
  for (const id of ids ?? folders.keys()) {
    const folder = folders.get(id);
    if (folder === undefined) {
      throw new TaskFolderError(
        `there is no task ${id} in ${roots.join(", ")}; found: ${[...folders.keys()].join(", ")}`,
      );
    }
    for (const [what, expected] of expectations) {
      const grading = await check(folder, what, options);
      signal.throwIfAborted();
      yield {
        task: id,
        what,
        expected,
        outcome: grading.outcome,
        reason: grading.reason,
        checksPassed: grading.checks.filter(({ passed }) => passed).length,
        checksTotal: grading.checks.length,
        seconds: grading.seconds,
        ok: grading.outcome === expected,
      };
    }
  }
}

interface Place {
  readonly scratchFolder: string;
  readonly machine: Machine;
  readonly signal: AbortSignal;
}

async function check(
  folder: string,
  what: CheckedWith,
  place: Place,
): Promise<Pick<Grading, "outcome" | "reason" | "checks" | "seconds">> {
  const own = await mkdtemp(join(place.scratchFolder, "check-"));
  try {
    const task = await loadTask(folder);
    const workspaceFolder = join(own, "workspace");
    await cp(join(folder, "environment", "workspace"), workspaceFolder, { recursive: true });
    const fault = what === "solution" ? await solve(task, workspaceFolder, own, place) : null;
    if (fault !== null) return notGraded(fault);
    return await gradeWorkspace({
      ...place,
      testsFolder: join(folder, "tests"),
      workspaceFolder,
      scratchFolder: own,
      limits: scriptLimits(task.definition),
    });
  } catch (error) {
    place.signal.throwIfAborted();
    return notGraded(paragraph(error));
  } finally {
    await removeTree(own);
  }
}

function notGraded(reason: string): Pick<Grading, "outcome" | "reason" | "checks" | "seconds"> {
  return { outcome: "grader_error", reason, checks: [], seconds: 0 };
}

/** Runs solution/solve.sh on the workspace; null, or why it did not work. */
async function solve(
  task: Task,
  workspaceFolder: string,
  own: string,
  { machine, signal }: Place,
): Promise<string | null> {
  const temporary = await mkdtemp(join(own, "temporary-"));
  const workspace = workspaceMount(machine.sandbox, workspaceFolder);
  const solution = mount(machine.sandbox, join(task.folder, "solution"), "/solution");
  const { end, output } = await runTaskScript({
    machine,
    script: join(solution.inside, "solve.sh"),
    environment: { HARNESS_SWEEP_WORKSPACE: workspace.inside },
    readOnly: [solution],
    writable: [workspace],
    temporary: mount(machine.sandbox, temporary, "/tmp"),
    workingFolder: workspace.inside,
    limits: scriptLimits(task.definition),
    signal,
  });
  if (end.kind === "exited" && end.code === 0) return null;
  return `solution/solve.sh ${described(end)}: ${output.trim().slice(-500)}`;
}
