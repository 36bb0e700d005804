import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../proto/package-root.ts";
import { canaryPrefix } from "../proto/task/canary.ts";
import type { TaskLanguage } from "../proto/task/task-definition.ts";
import { isFile, loadTask, requireTaskName } from "../proto/task/task-folder.ts";

/** A task cannot be started there; the message says why. */
export class NewTaskError extends Error {
  override readonly name = "NewTaskError";
}

interface Template {
  /** What the agent is to write. */
  readonly file: string;
  /** Its name in `solution/`. */
  readonly solution: string;
  readonly signature: string;
  readonly toolchains: readonly string[];
  /** Packages of Debian for the Dockerfile, which Harbor needs. */
  readonly packages: string;
  readonly memory: number;
  /** Modules that the judge and the driver import beyond the standard library's. */
  readonly modules: readonly string[];
}

const python = "`def total(numbers: list[int]) -> int`. Python 3.11, standard library only.";

const templates: Readonly<Record<TaskLanguage, Template>> = {
  python: template("total.py", python, ["python3"], "bash python3"),
  pytorch: {
    ...template(
      "total.py",
      "`def total(numbers: torch.Tensor) -> torch.Tensor`. Python 3.11 and PyTorch on the CPU.",
      ["python3", "torch"],
      "bash python3 python3-torch",
    ),
    memory: 4_096,
    modules: ["torch"],
  },
  jax: {
    ...template(
      "total.py",
      "`def total(numbers: jax.Array) -> jax.Array`. Python 3.11 and JAX on the CPU.",
      ["python3", "jax"],
      "bash python3 python3-jax",
    ),
    memory: 4_096,
    modules: ["jax"],
  },
  sql: template(
    "query.sql",
    "One `SELECT` for SQLite 3.40.",
    ["python3", "sqlite"],
    "bash python3 sqlite3",
  ),
  c: template(
    "total.c",
    "C11 and its standard library.",
    ["cc", "python3"],
    "bash gcc libc6-dev python3",
  ),
  cpp: template(
    "total.hpp",
    "C++20 and its standard library.",
    ["c++", "python3"],
    "bash g++ python3",
  ),
  rust: {
    ...template(
      "src/lib.rs",
      "Rust edition 2021, the standard library only, no `unsafe`.",
      ["rustc", "cc", "python3"],
      "bash cargo gcc libc6-dev python3 rustc",
    ),
    solution: "lib.rs",
  },
};

function template(
  file: string,
  signature: string,
  toolchains: readonly string[],
  packages: string,
): Template {
  return { file, solution: file, signature, toolchains, packages, memory: 2_048, modules: [] };
}

/** Folders of templates; what a language has is laid over what all have. */
const templateFolder = join(packageRoot, "grader", "new-task");

/**
 * Starts a task: a small one that works, with a judge, a driver, a reference, a right and a wrong variant, to be
 * rewritten piece by piece. Either the whole task is there afterwards or nothing of it.
 *
 * @param options.into folder that holds tasks
 * @param options.uuid for the canary that the task's hidden files carry
 * @returns the new task's folder
 * @throws NewTaskError, TaskFolderError for a name that no task can have
 */
export async function createTask(options: {
  readonly into: string;
  readonly id: string;
  readonly language: TaskLanguage;
  readonly uuid: string;
}): Promise<string> {
  const { into, id, language, uuid } = options;
  requireTaskName(id, id);
  const target = join(into, id);
  if (await stat(target).catch(() => null)) throw new NewTaskError(`${target} is there already`);
  await mkdir(into, { recursive: true });
  const own = await mkdtemp(join(into, ".new-"));
  try {
    // Under its own name, which tasks are known by.
    const scratch = join(own, id);
    await cp(join(templateFolder, "common"), scratch, { recursive: true });
    await cp(join(templateFolder, language), scratch, { recursive: true });
    await dropUnused(scratch, language);
    await fillIn(scratch, valuesOf(id, language, uuid));
    await loadTask(scratch);
    await rename(scratch, target);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
  return target;
}

/** Copied modules that only some languages need. */
async function dropUnused(folder: string, language: TaskLanguage): Promise<void> {
  const tests = join(folder, "tests");
  const hasPythonDriver = await isFile(join(tests, "candidate", "driver.py"));
  const unused = [
    "candidate/arrays.py",
    ...(hasPythonDriver ? [] : ["candidate/driving.py"]),
    ...(language === "c" || language === "cpp" ? [] : ["compiler_checks.py"]),
  ];
  for (const name of unused) await rm(join(tests, name));
}

function valuesOf(
  id: string,
  language: TaskLanguage,
  uuid: string,
): Readonly<Record<string, string>> {
  const { file, solution, signature, toolchains, packages, memory, modules } = templates[language];
  const probes = modules.map((name) => ` or importlib.util.find_spec("${name}") is None`).join("");
  return {
    id,
    language,
    file,
    solution,
    signature,
    packages,
    canary: `${canaryPrefix}${uuid}`,
    toolchains: toolchains.map((name) => `"${name}"`).join(", "),
    memory: String(memory),
    pythonFlags: modules.length === 0 ? "-I -S" : "-I",
    pythonImports: modules.length === 0 ? "" : ", importlib.util",
    pythonProbe: probes,
    pythonWanted: ["Python 3.11 or newer", ...modules].join(" with "),
  };
}

async function fillIn(folder: string, values: Readonly<Record<string, string>>): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const text = await readFile(path, "utf8");
    const filled = text.replaceAll(
      /\{\{(\w+)\}\}/g,
      (place, name: string) => values[name] ?? place,
    );
    if (filled !== text) await writeFile(path, filled);
  }
}
