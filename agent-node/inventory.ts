import { execFile } from "node:child_process";
import { open, readdir, readFile, stat } from "node:fs/promises";
import { availableParallelism, platform, release, totalmem } from "node:os";
import { join, relative, sep } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A file that a model server can load. */
export interface FoundModel {
  readonly kind: "gguf" | "scripted";
  /** Relative to its model folder, with `/` between parts. */
  readonly path: string;
  readonly sizeBytes: number;
}

/** What a node is made of, as results record it. */
export interface Machine {
  /** Operating system and release, for example `darwin 25.1.0`. */
  readonly os: string;
  readonly arch: string;
  /** Name of the processor. */
  readonly chip: string;
  readonly cores: number;
  readonly memoryBytes: number;
}

/** Looks at this machine. */
export async function inspectMachine(): Promise<Machine> {
  return {
    os: `${platform()} ${release()}`,
    arch: process.arch,
    chip: await readChip(),
    cores: availableParallelism(),
    memoryBytes: totalmem(),
  };
}

async function readChip(): Promise<string> {
  if (platform() === "darwin") {
    const { stdout } = await run("/usr/sbin/sysctl", ["-n", "machdep.cpu.brand_string"]);
    return stdout.trim();
  }
  const text = await readFile("/proc/cpuinfo", "utf8").catch(() => "");
  // Arm kernels name no model.
  return /^model name\s*:\s*(.+)$/m.exec(text)?.[1]?.trim() ?? process.arch;
}

/** Bounds on a walk through a model folder. */
const maxDepth = 6;
const maxModels = 1_000;

/**
 * Model files in `folders`: `.gguf`, and `.yaml` that name the scripted model's format. Folders that
 * are absent hold none. Of two with the same relative path the first folder's counts.
 */
export async function findModels(folders: readonly string[]): Promise<readonly FoundModel[]> {
  const found = new Map<string, FoundModel>();
  for (const folder of folders) {
    for await (const file of filesBelow(folder, maxDepth)) {
      const path = relative(folder, file).split(sep).join("/");
      const kind = found.has(path) || found.size >= maxModels ? null : await modelKind(file);
      if (kind !== null) found.set(path, { kind, path, sizeBytes: (await stat(file)).size });
    }
  }
  return [...found.values()];
}

async function* filesBelow(folder: string, depth: number): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth > 1) yield* filesBelow(path, depth - 1);
    // Weights are often links into a download cache; links to folders could lead in circles.
    const isFile = entry.isSymbolicLink() ? await leadsToFile(path) : entry.isFile();
    if (isFile) yield path;
  }
}

async function leadsToFile(path: string): Promise<boolean> {
  return stat(path).then(
    (target) => target.isFile(),
    () => false,
  );
}

/** The line by which a scripted model's file is known. */
const scriptedFormat = /^format:\s*["']?harness-sweep\/scripted-model\/1["']?\s*$/m;

async function modelKind(path: string): Promise<FoundModel["kind"] | null> {
  if (path.endsWith(".gguf")) return "gguf";
  if (!path.endsWith(".yaml")) return null;
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(4_096) });
    return scriptedFormat.test(buffer.toString("utf8", 0, bytesRead)) ? "scripted" : null;
  } finally {
    await file.close();
  }
}

/**
 * The file that a model's relative path means on this node, null if no folder has it. A path never
 * leads out of the folders, whatever the coordinator asks for.
 */
export async function findModelFile(
  folders: readonly string[],
  path: string,
): Promise<string | null> {
  for (const folder of folders) {
    const file = join(folder, path);
    if (!file.startsWith(join(folder, sep))) continue;
    if (await leadsToFile(file)) return file;
  }
  return null;
}
