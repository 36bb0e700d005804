import { cp, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import { type PackedFolder, packFolder } from "../archive.ts";
import { type TaskToml, taskTomlSchema } from "./task-definition.ts";

/**
 * A task in Harbor's layout. The public half is what nodes get: instruction.md, task.toml and
 * environment/. The hidden half, tests/ and solution/, is for graders alone.
 */
export interface Task {
  /** The folder's name. */
  readonly id: string;
  readonly folder: string;
  readonly instruction: string;
  readonly definition: TaskToml;
}

/** A folder that is no usable task; the message names the file, what was found and what is accepted. */
export class TaskFolderError extends Error {
  override readonly name = "TaskFolderError";
}

/** Parts of the public half. */
const publicParts = ["instruction.md", "task.toml", "environment"] as const;
/** Parts of the hidden half. */
const hiddenParts = ["tests", "solution"] as const;

/** Bounds of a half; tasks are small. */
export const halfLimits = { files: 2_000, bytes: 32 * 1024 * 1024 };

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/**
 * Folders below `roots` that claim to be tasks (they hold a task.toml), by their names.
 * @throws TaskFolderError for a root that cannot be read, or two tasks of one name.
 */
export async function findTaskFolders(roots: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const root of roots) {
    const entries = await readdir(root, { withFileTypes: true }).catch((cause: unknown) => {
      throw new TaskFolderError(
        `the folder of tasks ${root} cannot be read; name folders that hold tasks in SWEEP_TASKS`,
        { cause },
      );
    });
    for (const entry of entries) {
      const folder = join(root, entry.name);
      if (!entry.isDirectory() || !(await isFile(join(folder, "task.toml")))) continue;
      const other = found.get(entry.name);
      if (other !== undefined) {
        throw new TaskFolderError(
          `two tasks are called ${entry.name}: ${other} and ${folder}; rename one`,
        );
      }
      found.set(entry.name, folder);
    }
  }
  return new Map([...found].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/**
 * The folders of these tasks, in the order of `ids`, or of all tasks by name if it is empty.
 * @throws TaskFolderError also for a task that is not there.
 */
export async function chooseTaskFolders(
  roots: readonly string[],
  ids: readonly string[],
): Promise<Map<string, string>> {
  const found = await findTaskFolders(roots);
  if (ids.length === 0) return found;
  const chosen = new Map<string, string>();
  for (const id of ids) {
    const folder = found.get(id);
    if (folder === undefined) {
      throw new TaskFolderError(
        `there is no task ${id} in ${roots.join(", ")}; found: ${[...found.keys()].join(", ")}`,
      );
    }
    chosen.set(id, folder);
  }
  return chosen;
}

/**
 * Reads and checks a task's folder.
 * @throws TaskFolderError
 */
export async function loadTask(folder: string): Promise<Task> {
  const id = basename(folder);
  requireTaskName(id, folder);
  await requireParts(folder);
  const instruction = await readFile(join(folder, "instruction.md"), "utf8");
  if (instruction.trim() === "") {
    throw new TaskFolderError(
      `${join(folder, "instruction.md")} is empty; accepted: what the agent is to do`,
    );
  }
  const definition = await readDefinition(join(folder, "task.toml"));
  const isSeparate = definition.metadata.harness_sweep.isolation === "separate";
  if (isSeparate && !(await isFolder(join(folder, "tests", "candidate")))) {
    throw new TaskFolderError(
      `the task ${folder} has no tests/candidate (what the code under test may read), which isolation = "separate" needs`,
    );
  }
  return { id, folder, instruction, definition };
}

/** Reads a `task.toml`, also from an unpacked public half. */
export async function readDefinition(path: string): Promise<TaskToml> {
  let value: unknown;
  try {
    value = parseToml(await readFile(path, "utf8"));
  } catch (cause) {
    const place = cause instanceof TomlError ? `:${cause.line}:${cause.column}` : "";
    throw new TaskFolderError(`${path}${place} is no TOML`, { cause });
  }
  const parsed = taskTomlSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path: keys, message }) =>
      `  ${keys.join(".") || "(whole file)"}: ${message}, found ${found(value, keys)}`,
  );
  throw new TaskFolderError(`${path} cannot be used:\n${problems.join("\n")}`);
}

/** The public half as an archive; its content's digest is part of the task's version. */
export function packPublicHalf(task: Task): Promise<PackedFolder> {
  return packParts(task, publicParts);
}

/** The hidden half as an archive; its content's digest is part of the task's version. */
export function packHiddenHalf(task: Task): Promise<PackedFolder> {
  return packParts(task, hiddenParts);
}

async function packParts({ folder }: Task, parts: readonly string[]): Promise<PackedFolder> {
  const scratch = await mkdtemp(join(tmpdir(), "sweep-task-"));
  try {
    for (const part of parts) {
      await cp(join(folder, part), join(scratch, part), {
        recursive: true,
        verbatimSymlinks: true,
      });
    }
    const packed = await packFolder(scratch, halfLimits);
    if (packed.omissions.length > 0) {
      throw new TaskFolderError(
        `${folder} holds what cannot be part of a task:\n  ${packed.omissions.join("\n  ")}`,
      );
    }
    return packed;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * Refuses a name that no task can have, such as one that leads out of the folder of tasks.
 * @param where what the message begins with
 * @throws TaskFolderError
 */
export function requireTaskName(id: string, where: string): void {
  if (idPattern.test(id)) return;
  throw new TaskFolderError(
    `${where}: the name of a task's folder is "${id}"; accepted: letters, digits and . _ - (a letter or digit first)`,
  );
}

async function requireParts(folder: string): Promise<void> {
  if (!(await isFolder(folder))) throw new TaskFolderError(`there is no task folder ${folder}`);
  const required = [
    ["instruction.md", isFile, "the text for the agent"],
    ["task.toml", isFile, "the task's definition"],
    ["environment/workspace", isFolder, "the folder that the agent's workspace starts as"],
    ["tests/test.sh", isFile, "the script that grades"],
    ["solution/solve.sh", isFile, "the script that writes the reference solution"],
  ] as const;
  for (const [part, exists, what] of required) {
    if (!(await exists(join(folder, part)))) {
      throw new TaskFolderError(`the task ${folder} has no ${part} (${what})`);
    }
  }
}

/** Whether there is a regular file at a path. */
export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}

/** Whether there is a folder at a path. */
export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

function found(value: unknown, keys: readonly PropertyKey[]): string {
  const at = keys.reduce<unknown>(
    (parent, key) =>
      typeof parent === "object" && parent !== null ? Reflect.get(parent, key) : undefined,
    value,
  );
  return at === undefined ? "nothing" : JSON.stringify(at).slice(0, 100);
}
