import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { parse as parseToml } from "smol-toml";
import { packageRoot } from "../proto/package-root.ts";
import { canaryPattern, canaryPurpose } from "../proto/task/canary.ts";
import { isFile, loadTask } from "../proto/task/task-folder.ts";
import type { VariantCheck } from "./check-tasks.ts";
import { harborTaskSchema } from "./harbor-schema.ts";

/** One point of what makes a task worth its results. */
export interface ChecklistPoint {
  readonly what: string;
  /** Why it is open, empty if it holds. */
  readonly open: string;
}

/** Named checks a task has at least. */
const minChecks = 10;
const minRight = 2;
const minWrong = 5;
/** Longest that hidden tests may take on two cores. */
const maxSeconds = 60;

/** Words by which an instruction would tell how it is graded. */
const tellTale =
  /test\.sh|check\.py|\breward\b|\bcanary\b|\bgrader\b|\bverifier\b|\/tests\b|\bsanitizer/i;

/** Files that tasks hold copies of, by their path in `tests/`. */
const copies = [
  "checking.py",
  "candidates.py",
  "compiler_checks.py",
  "candidate/driving.py",
  "candidate/arrays.py",
];

/**
 * The checklist of a task. What only grading shows is taken from `rows`, the rows of this task.
 * @throws TaskFolderError for a folder that is no task.
 */
export async function checklistOf(
  folder: string,
  rows: readonly VariantCheck[],
): Promise<ChecklistPoint[]> {
  const { instruction, definition } = await loadTask(folder);
  const hidden = [
    ...(await filesBelow(join(folder, "tests"))),
    ...(await filesBelow(join(folder, "solution"))),
  ];
  const shown = [
    join(folder, "instruction.md"),
    join(folder, "task.toml"),
    ...(await filesBelow(join(folder, "environment"))),
  ];
  const nameIn = (file: string) => relative(folder, file);
  const found = tellTale.exec(instruction)?.[0];
  const bare = await filter(hidden, async (file) => !isMarked(await readFile(file, "utf8")));
  const leaking = await filter(shown, async (file) =>
    canaryPattern.test(await readFile(file, "utf8")),
  );
  const stale = await filter(copies, async (name) => {
    const copy = join(folder, "tests", name);
    return (await isFile(copy)) && !(await isSame(copy, originalOf(name)));
  });
  const count = (kind: string) => rows.filter(({ variant }) => variant.kind === kind).length;
  const grades = rows.flatMap((row) => row.grades);
  const checks = Math.max(0, ...grades.map((grade) => grade.checks.length));
  const slowest = Math.max(0, ...grades.map(({ seconds }) => seconds));
  return [
    point(
      "instruction.md says nothing of how it is graded",
      found === undefined ? "" : `it says "${found}"`,
    ),
    point(
      'the code under test runs apart from the hidden tests (isolation = "separate")',
      definition.metadata.harness_sweep.isolation === "separate" ? "" : 'it is "shared"',
    ),
    point("Harbor can load it (schema 1.4)", await harborProblem(folder)),
    point(
      "every hidden file has a canary with its purpose",
      bare.length === 0 ? "" : `without: ${bare.map(nameIn).join(", ")}`,
    ),
    point(
      "no public file has one",
      leaking.length === 0 ? "" : `with: ${leaking.map(nameIn).join(", ")}`,
    ),
    point(
      "copied files are as the installation has them",
      stale.length === 0 ? "" : `others: ${stale.join(", ")}`,
    ),
    atLeast(minChecks, checks, "named checks"),
    atLeast(minRight, count("right"), "right solutions beside the reference (solution/right)"),
    atLeast(minWrong, count("wrong"), "wrong ones, each caught by a named check (solution/wrong)"),
    point(
      `graded within ${maxSeconds} s`,
      slowest < maxSeconds ? "" : `the slowest took ${slowest.toFixed(1)} s`,
    ),
  ];
}

function point(what: string, open: string): ChecklistPoint {
  return { what, open };
}

function atLeast(wanted: number, found: number, what: string): ChecklistPoint {
  return point(`${wanted} or more ${what}`, found >= wanted ? "" : `found ${found}`);
}

/** What keeps Harbor from loading the task as it is meant; empty if nothing does. */
async function harborProblem(folder: string): Promise<string> {
  if (!(await isFile(join(folder, "environment", "Dockerfile")))) {
    return "there is no environment/Dockerfile";
  }
  const parsed = harborTaskSchema.safeParse(
    parseToml(await readFile(join(folder, "task.toml"), "utf8")),
  );
  return parsed.success
    ? ""
    : parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
}

function isMarked(text: string): boolean {
  return canaryPattern.test(text) && text.includes(canaryPurpose);
}

/** Where `sweep tasks new` takes a copied file from. */
function originalOf(name: string): string {
  return join(packageRoot, "grader", "new-task", "common", "tests", name);
}

async function isSame(one: string, other: string): Promise<boolean> {
  return (await readFile(one)).equals(await readFile(other));
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

async function filter<T>(items: readonly T[], holds: (item: T) => Promise<boolean>): Promise<T[]> {
  const held = await Promise.all(items.map(holds));
  return items.filter((_, index) => held[index]);
}
