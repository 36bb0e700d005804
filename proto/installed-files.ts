import { lstat, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { sha256 } from "./digest.ts";

/** What every file of a folder is, by its relative path: mode and SHA-256, or where a link leads. */
type FolderContent = ReadonlyMap<string, string>;

/** A folder's content with its size. */
interface ReadFolder {
  readonly content: FolderContent;
  /** Sum over its files. */
  readonly bytes: number;
}

/** What an installation states of its files, in its own folder. */
const listName = "installed-files.json";
const listSchema = z.record(z.string(), z.string());

/**
 * Writes down what the files of an installation are at its end, for {@link filesDamage}.
 *
 * @param except names in its root that change later
 */
export async function recordFiles(
  folder: string,
  except: readonly string[],
): Promise<{ readonly files: number; readonly bytes: number }> {
  const { content, bytes } = await readFolder(folder, [...except, listName]);
  await writeFile(join(folder, listName), JSON.stringify(Object.fromEntries(content)));
  return { files: content.size, bytes };
}

/**
 * What has become of an installation's files since {@link recordFiles}, in words; null if they are byte
 * for byte the same. Reads all of them, which takes seconds.
 */
export async function filesDamage(
  folder: string,
  except: readonly string[],
): Promise<string | null> {
  const text = await readFile(join(folder, listName), "utf8").catch(() => null);
  if (text === null) return `missing: ${listName}`;
  const before = new Map(Object.entries(listSchema.parse(JSON.parse(text))));
  const { content } = await readFolder(folder, [...except, listName]);
  return describeDifference(before, content);
}

/** Files that are read at one time. */
const readers = 4;

/** Reads a folder to its last byte, save what lies in its root under one of the names in `except`. */
async function readFolder(folder: string, except: readonly string[]): Promise<ReadFolder> {
  const paths = walk(folder, "");
  const content = new Map<string, string>();
  let bytes = 0;
  const read = async (): Promise<void> => {
    for await (const path of paths) {
      if (except.includes(path)) continue;
      const found = await describe(join(folder, path));
      content.set(path, found.description);
      bytes += found.bytes;
    }
  };
  await Promise.all(Array.from({ length: readers }, read));
  return { content: new Map([...content].sort(([one], [other]) => (one < other ? -1 : 1))), bytes };
}

async function* walk(folder: string, below: string): AsyncGenerator<string> {
  // Not `recursive`, which follows links to folders.
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) yield* walk(folder, path);
    else yield path;
  }
}

async function describe(path: string): Promise<{ description: string; bytes: number }> {
  const found = await lstat(path);
  if (found.isSymbolicLink()) return { description: `link ${await readlink(path)}`, bytes: 0 };
  const mode = (found.mode & 0o777).toString(8);
  return { description: `${mode} ${sha256(await readFile(path))}`, bytes: found.size };
}

/** What differs between a folder as it was and as it is, in words; null if nothing does. */
function describeDifference(before: FolderContent, now: FolderContent): string | null {
  const lost = [...before.keys()].filter((path) => !now.has(path));
  const added = [...now.keys()].filter((path) => !before.has(path));
  const changed = [...before].filter(([path, what]) => now.has(path) && now.get(path) !== what);
  const parts = [
    { what: "missing", paths: lost },
    { what: "changed", paths: changed.map(([path]) => path) },
    { what: "added", paths: added },
  ].flatMap(({ what, paths: [first, ...rest] }) => {
    if (first === undefined) return [];
    return [`${what}: ${first}${rest.length === 0 ? "" : ` and ${rest.length} more`}`];
  });
  return parts.length === 0 ? null : parts.join("; ");
}
