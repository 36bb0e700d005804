import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { readWeights } from "../scripted-model/weights.ts";

/** Digests that are remembered; the oldest go first. */
const maxRemembered = 1_000;

const memorySchema = z.record(
  z.string(),
  z.object({ size: z.number(), mtimeMs: z.number(), digest: z.string() }),
);

/**
 * SHA-256, in hexadecimal, over the weights of a model. One file: its own digest. Several (shards of
 * a GGUF; a scripted model with its answers): the digest over a line `DIGEST SIZE NAME` for each.
 * Files of unchanged size and time are not read again: their digests are kept in `memoryPath`.
 * Rejects when a file cannot be read, or with the signal's reason.
 */
export async function digestWeights(options: {
  readonly kind: "gguf" | "scripted";
  readonly weightsPath: string;
  readonly memoryPath: string;
  readonly signal: AbortSignal;
}): Promise<string> {
  const { kind, weightsPath, memoryPath, signal } = options;
  const files = kind === "gguf" ? shards(weightsPath) : await scriptedFiles(weightsPath);
  const memory = await recall(memoryPath);
  const lines: { digest: string; line: string }[] = [];
  for (const path of files) {
    const { size, mtimeMs } = await stat(path);
    const known = memory.get(path);
    const fresh = known?.size === size && known.mtimeMs === mtimeMs;
    const digest = fresh ? known.digest : await digestFile(path, signal);
    memory.delete(path);
    memory.set(path, { size, mtimeMs, digest });
    lines.push({ digest, line: `${digest} ${size} ${relative(dirname(weightsPath), path)}\n` });
  }
  await remember(memoryPath, memory);
  const [first, ...rest] = lines;
  if (first !== undefined && rest.length === 0) return first.digest;
  return createHash("sha256")
    .update(lines.map(({ line }) => line).join(""))
    .digest("hex");
}

/** All shards of a GGUF whose first shard is `path`; llama.cpp fixes the form of their names. */
export function shards(path: string): readonly string[] {
  const match = /^(.*)-00001-of-(\d{5})\.gguf$/.exec(basename(path));
  if (match === null) return [path];
  const [, stem, count = "00001"] = match;
  return Array.from({ length: Number(count) }, (_, index) =>
    join(dirname(path), `${stem}-${String(index + 1).padStart(5, "0")}-of-${count}.gguf`),
  );
}

async function scriptedFiles(path: string): Promise<readonly string[]> {
  const { answers } = readWeights(path);
  const entries = await readdir(answers, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return [path, ...files.map((entry) => join(entry.parentPath, entry.name)).sort()];
}

async function digestFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash, { signal });
  return hash.digest("hex");
}

type Memory = Map<string, z.infer<typeof memorySchema>[string]>;

/** A memory that is absent or unreadable costs time, never a start. */
async function recall(path: string): Promise<Memory> {
  try {
    const content: unknown = JSON.parse(await readFile(path, "utf8"));
    return new Map(Object.entries(memorySchema.parse(content)));
  } catch {
    return new Map();
  }
}

async function remember(path: string, memory: Memory): Promise<void> {
  const newest = [...memory].slice(-maxRemembered);
  const draft = `${path}.${process.pid}.draft`;
  await writeFile(draft, JSON.stringify(Object.fromEntries(newest)));
  await rename(draft, path);
}
