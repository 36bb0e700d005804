import { cp, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { pMapIterable } from "p-map";
import { paragraph } from "../proto/error-paragraph.ts";
import { removeTree } from "../proto/remove-tree.ts";
import { chooseTaskFolders, loadTask, type Task } from "../proto/task/task-folder.ts";
import {
  type Grading,
  gradeWorkspace,
  gradingRules,
  missingOf,
  mount,
  workspaceMount,
} from "./grade.ts";
import type { Machine } from "./machine.ts";
import { runTaskScript } from "./task-script.ts";
import { readVariants, type TaskVariant } from "./task-variants.ts";
import { described } from "./verdict.ts";

/** One grading of a variant. */
export type VariantGrade = Pick<Grading, "outcome" | "reason" | "checks" | "seconds">;

/** One variant of a task with all its gradings: a row of the matrix. */
export interface VariantCheck {
  readonly task: string;
  readonly variant: TaskVariant;
  /** `grader_error` also for a task that could not be read or a solution that could not be written. */
  readonly grades: readonly VariantGrade[];
  /** What is wrong with them, a sentence each; the row holds if there is none. */
  readonly faults: readonly string[];
}

/**
 * Grades every variant of tasks several times, on this machine and by the same grading that runs get.
 * Yields the rows in the order of the tasks' names and of their variants.
 *
 * @param options.roots folders that hold task folders
 * @param options.ids the tasks to check; all if empty
 * @param options.repeats gradings of each variant, so that flaky checks show
 * @param options.jobs gradings under way at once
 * @throws TaskFolderError when a root cannot be read or a task of `ids` is not there.
 */
export async function* checkTasks(options: {
  readonly roots: readonly string[];
  readonly ids: readonly string[];
  readonly repeats: number;
  readonly jobs: number;
  readonly scratchFolder: string;
  readonly machine: Machine;
  readonly signal: AbortSignal;
}): AsyncGenerator<VariantCheck> {
  const { roots, ids, repeats, jobs, signal } = options;
  const gradings: (VariantOf & { readonly isLast: boolean })[] = [];
  for (const [id, folder] of await chooseTaskFolders(roots, ids)) {
    for (const one of await variantsOf(id, folder)) {
      for (let repeat = 1; repeat <= repeats; repeat += 1) {
        gradings.push({ ...one, isLast: repeat === repeats });
      }
    }
  }
  const graded = pMapIterable(
    gradings,
    async (one) => {
      signal.throwIfAborted();
      const grade = await gradeVariant(one, options);
      signal.throwIfAborted();
      return { ...one, grade };
    },
    { concurrency: jobs },
  );
  let grades: VariantGrade[] = [];
  for await (const { id, variant, grade, isLast } of graded) {
    grades.push(grade);
    if (!isLast) continue;
    yield { task: id, variant, grades, faults: faultsOf(variant, grades) };
    grades = [];
  }
}

interface VariantOf {
  readonly id: string;
  readonly folder: string;
  readonly variant: TaskVariant;
  /** Why the variants of the task cannot be known. */
  readonly unreadable: string | null;
}

async function variantsOf(id: string, folder: string): Promise<VariantOf[]> {
  try {
    await loadTask(folder);
    const variants = await readVariants(folder);
    return variants.map((variant) => ({ id, folder, variant, unreadable: null }));
  } catch (error) {
    const variant: TaskVariant = {
      kind: "solution",
      name: "solution",
      folder: null,
      expected: "passed",
      caughtBy: [],
    };
    return [{ id, folder, variant, unreadable: paragraph(error) }];
  }
}

/** What is wrong with the gradings of one variant. */
export function faultsOf(variant: TaskVariant, grades: readonly VariantGrade[]): string[] {
  const faults = new Set<string>();
  const failedSets = new Set<string>();
  for (const { outcome, reason, checks } of grades) {
    const failed = new Set(checks.filter(({ passed }) => !passed).map(({ name }) => name));
    failedSets.add([...failed].join(" "));
    if (outcome !== variant.expected) {
      faults.add(`${outcome} where ${variant.expected} was expected: ${reason}`);
      continue;
    }
    const known = new Set(checks.map(({ name }) => name));
    for (const name of variant.caughtBy) {
      if (!known.has(name)) faults.add(`there is no check ${name}, which should catch it`);
      else if (!failed.has(name)) faults.add(`the check ${name} does not catch it`);
    }
  }
  if (failedSets.size > 1) {
    const [one = "", other = ""] = [...failedSets];
    const differing = [...difference(one, other), ...difference(other, one)];
    faults.add(`flaky: ${differing.join(", ")} passed in some gradings and failed in others`);
  }
  return [...faults];
}

function difference(one: string, other: string): string[] {
  const others = new Set(other.split(" "));
  return one.split(" ").filter((name) => name !== "" && !others.has(name));
}

interface Place {
  readonly scratchFolder: string;
  readonly machine: Machine;
  readonly signal: AbortSignal;
}

async function gradeVariant(
  { folder, variant, unreadable }: VariantOf,
  place: Place,
): Promise<VariantGrade> {
  if (unreadable !== null) return notGraded(unreadable);
  const own = await mkdtemp(join(place.scratchFolder, "check-"));
  try {
    const task = await loadTask(folder);
    const lacking = missingOf(place.machine, task.definition);
    if (lacking !== null) return notGraded(`this machine has ${lacking}`);
    const workspaceFolder = join(own, "workspace");
    await cp(join(folder, "environment", "workspace"), workspaceFolder, { recursive: true });
    if (variant.folder !== null) await cp(variant.folder, workspaceFolder, { recursive: true });
    const fault =
      variant.kind === "solution" ? await solve(task, workspaceFolder, own, place) : null;
    if (fault !== null) return notGraded(fault);
    return await gradeWorkspace({
      ...place,
      testsFolder: join(folder, "tests"),
      workspaceFolder,
      scratchFolder: own,
      rules: gradingRules(task.definition),
    });
  } catch (error) {
    place.signal.throwIfAborted();
    return notGraded(paragraph(error));
  } finally {
    await removeTree(own);
  }
}

function notGraded(reason: string): VariantGrade {
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
    limits: gradingRules(task.definition).limits,
    signal,
  });
  if (end.kind === "exited" && end.code === 0) return null;
  return `solution/solve.sh ${described(end)}: ${output.trim().slice(-500)}`;
}
