import {
  appendFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
} from "node:fs/promises";
import { basename, join, posix } from "node:path";
import { parse as parseToml, stringify, TomlError } from "smol-toml";
import type { TaskLanguage } from "../../proto/task/task-definition.ts";
import { isFile, isFolder, loadTask, requireTaskName } from "../../proto/task/task-folder.ts";
import { type ContainerNeeds, readDockerfile } from "./dockerfile.ts";
import { findNetworkUse, findObstacles } from "./harbor-features.ts";
import { type Obstacle, TaskImportError } from "./obstacle.ts";

/** What has to be in a task of one step in Harbor's layout. */
const requiredParts = ["task.toml", "instruction.md", "tests/test.sh", "solution/solve.sh"];
/** What only makes sense with containers. */
const containerParts = [
  "environment/docker-compose.yaml",
  "environment/docker-compose.yml",
  "environment/singularity-compose.yaml",
  "tests/Dockerfile",
  "tests/docker-compose.yaml",
  "steps",
];

/**
 * Copies a task in Harbor's layout from elsewhere into a folder of tasks, as one that runs without
 * Docker. Its tests run beside the code they judge (isolation `shared`), since nothing is known of how
 * they go about it. Either the whole task is there afterwards or nothing of it.
 *
 * @param options.into folder that holds tasks
 * @param options.id name of the new task's folder
 * @param options.language else what the endings of the task's files say
 * @returns the new task's folder
 * @throws TaskImportError that names every feature in the way, TaskFolderError if the outcome is no task.
 */
export async function importTask(options: {
  readonly from: string;
  readonly into: string;
  readonly id: string;
  readonly language?: TaskLanguage | undefined;
}): Promise<string> {
  const { from, into, id } = options;
  requireTaskName(id, id);
  for (const part of requiredParts) {
    if (!(await isFile(join(from, part)))) {
      throw new TaskImportError(
        `${from} is no task in Harbor's layout of one step: it has no ${part}`,
      );
    }
  }
  const definitionText = await readFile(join(from, "task.toml"), "utf8");
  const needs = await readContainer(from);
  const obstacles = [
    ...findObstacles(parseDefinition(join(from, "task.toml"), definitionText)),
    ...(await findParts(from)),
    ...needs.obstacles,
    ...findNetworkUse("tests/test.sh", await readFile(join(from, "tests/test.sh"), "utf8")),
    ...findNetworkUse("solution/solve.sh", await readFile(join(from, "solution/solve.sh"), "utf8")),
  ];
  if (obstacles.length > 0) {
    const lines = obstacles.map(({ where, found, why }) => `  ${where}: ${found} (${why})`);
    throw new TaskImportError(`${basename(from)} cannot be imported:\n${lines.join("\n")}`);
  }
  const target = join(into, id);
  if (await stat(target).catch(() => null)) {
    throw new TaskImportError(`${target} is there already; name another with --name`);
  }
  const own = await mkdtemp(join(into, ".import-"));
  try {
    // Under its own name, which tasks are known by.
    const scratch = join(own, id);
    await layOut(from, scratch, needs);
    const language = options.language ?? (await languageOf(scratch));
    await appendFile(join(scratch, "task.toml"), ownKeys(definitionText, language, needs));
    await loadTask(scratch);
    await rename(scratch, target);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
  return target;
}

async function layOut(from: string, scratch: string, needs: ContainerNeeds): Promise<void> {
  const workspace = join(scratch, "environment", "workspace");
  await mkdir(workspace, { recursive: true });
  for (const part of ["task.toml", "instruction.md", "tests", "solution"]) {
    await cp(join(from, part), join(scratch, part), { recursive: true });
  }
  const dockerfile = join(from, "environment", "Dockerfile");
  if (await isFile(dockerfile)) await cp(dockerfile, join(scratch, "environment", "Dockerfile"));
  for (const { from: source, to } of needs.copies) {
    await cp(join(from, "environment", source), join(workspace, to), { recursive: true });
  }
  // Belongs to the container's making, not to the workspace.
  await rm(join(workspace, "Dockerfile"), { force: true });
}

function parseDefinition(file: string, text: string): unknown {
  try {
    return parseToml(text);
  } catch (cause) {
    const place = cause instanceof TomlError ? `:${cause.line}:${cause.column}` : "";
    throw new TaskImportError(`${file}${place} is no TOML`, { cause });
  }
}

async function readContainer(from: string): Promise<ContainerNeeds> {
  const file = join(from, "environment", "Dockerfile");
  if (await isFile(file)) {
    const needs = readDockerfile(await readFile(file, "utf8"));
    const missing: Obstacle[] = [];
    for (const { from: source } of needs.copies) {
      if (
        !posix.normalize(source).startsWith("..") &&
        (await exists(join(from, "environment", source)))
      ) {
        continue;
      }
      missing.push({
        where: "environment/Dockerfile",
        found: `COPY ${source}`,
        why: "it is not there",
      });
    }
    return { ...needs, obstacles: [...needs.obstacles, ...missing] };
  }
  const hasWorkspace = await isFolder(join(from, "environment", "workspace"));
  return {
    copies: hasWorkspace ? [{ from: "workspace", to: "" }] : [],
    toolchains: [],
    obstacles: [],
  };
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

async function findParts(from: string): Promise<Obstacle[]> {
  const found: Obstacle[] = [];
  for (const part of containerParts) {
    if (!(await exists(join(from, part)))) continue;
    found.push({ where: part, found: "is there", why: "there are no containers and one step" });
  }
  return found;
}

/** Endings of files by language, the rarer ones first: a task in Rust may well have a script in Python. */
const endings: readonly (readonly [TaskLanguage, RegExp])[] = [
  ["rust", /\.rs$/],
  ["cpp", /\.(?:cpp|cc|cxx|hpp|hh)$/],
  ["c", /\.[ch]$/],
  ["sql", /\.sql$/],
];

/** The language of a task that does not say it: by its solution and workspace, else Python. */
async function languageOf(folder: string): Promise<TaskLanguage> {
  const names = await Promise.all(
    ["solution", "environment/workspace"].map((part) =>
      readdir(join(folder, part), { recursive: true }),
    ),
  );
  const found = endings.find(([, ending]) => names.flat().some((name) => ending.test(name)));
  return found?.[0] ?? "python";
}

function ownKeys(definition: string, language: TaskLanguage, needs: ContainerNeeds): string {
  if (/^\s*\[metadata\.harness_sweep\]/m.test(definition)) return "";
  const keys = { language, toolchains: [...needs.toolchains], isolation: "shared" };
  return `\n\n${stringify({ metadata: { harness_sweep: keys } })}`;
}
