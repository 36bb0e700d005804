import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { lstat, mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { extract, type Header, pack } from "tar-stream";

/**
 * Folders as they travel: a gzipped tar of regular files and folders, nothing else. Packing never
 * follows a link and says what it left out; unpacking trusts nothing, since the archive may be the
 * work of the code under test.
 */

/** Bounds of an archive. */
export interface ArchiveLimits {
  /** Files and folders together. */
  readonly files: number;
  /** Sum of the sizes of all files, unpacked. */
  readonly bytes: number;
}

/** A packed folder. */
export interface PackedFolder {
  readonly archive: Buffer;
  /** SHA-256 of the archive, in hexadecimal. */
  readonly digest: string;
  /**
   * SHA-256 of the tar before its compression, in hexadecimal: the same for the same content,
   * whatever zlib compressed it. Names the content; `digest` names the bytes that travel.
   */
  readonly contentDigest: string;
  /** What was left out and why, one sentence each; bounded, with the rest counted. */
  readonly omissions: readonly string[];
}

/** An archive that breaks the rules above; whoever made it, not this machine, is at fault. */
export class ArchiveError extends Error {
  override readonly name = "ArchiveError";
}

const maxOmissions = 50;
const maxDepth = 64;
const maxPathBytes = 4_096;
const maxNameBytes = 255;
/** A header, and the padding of the content, of one entry with a long name. */
const overheadPerFile = 8 * 1024;

/**
 * Packs the files and folders below `folder`. The same content gives the same bytes: entries are
 * sorted, times and owners are left out, and of the permissions only "executable" is kept. What is
 * neither file nor folder, or does not fit into `limits`, is left out and named.
 */
export async function packFolder(folder: string, limits: ArchiveLimits): Promise<PackedFolder> {
  const omitted: string[] = [];
  const omit = (path: string, why: string) => omitted.push(`${path}: ${why}`);
  const tar = pack();
  const compressed: Buffer[] = [];
  const content = createHash("sha256");
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      content.update(chunk);
      done(null, chunk);
    },
  });
  const compression = pipeline(tar, tap, createGzip(), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) compressed.push(chunk);
  });
  let files = 0;
  let bytes = 0;

  async function add(parent: string, depth: number): Promise<void> {
    for (const name of await sortedNames(join(folder, parent), parent, omit)) {
      const path = parent === "" ? name : `${parent}/${name}`;
      const host = join(folder, path);
      const found = await lstat(host);
      if (!found.isFile() && !found.isDirectory()) {
        omit(path, `a ${kindOf(found)} is not kept`);
      } else if (depth > maxDepth || Buffer.byteLength(path) > maxPathBytes) {
        omit(path, "lies too deep");
      } else if (files >= limits.files) {
        omit(path, `there are more than ${limits.files} files`);
      } else if (found.isDirectory()) {
        files += 1;
        tar.entry({ ...ownerless, name: path, type: "directory", mode: 0o755 });
        await add(path, depth + 1);
      } else if (bytes + found.size > limits.bytes) {
        omit(path, `its ${found.size} bytes would make more than ${limits.bytes} in all`);
      } else {
        const read = await readFileItself(host);
        files += 1;
        bytes += read.length;
        const mode = (found.mode & 0o100) === 0 ? 0o644 : 0o755;
        tar.entry({ ...ownerless, name: path, type: "file", mode, size: read.length }, read);
      }
    }
  }

  try {
    await add("", 1);
    tar.finalize();
  } catch (error) {
    tar.destroy();
    await compression.catch(() => undefined);
    throw error;
  }
  await compression;
  const archive = Buffer.concat(compressed);
  const digest = createHash("sha256").update(archive).digest("hex");
  return { archive, digest, contentDigest: content.digest("hex"), omissions: bounded(omitted) };
}

const ownerless = { mtime: new Date(0), uid: 0, gid: 0, uname: "", gname: "" };

async function sortedNames(
  host: string,
  parent: string,
  omit: (path: string, why: string) => void,
): Promise<string[]> {
  const names: string[] = [];
  for (const bytes of await readdir(host, { encoding: "buffer" })) {
    const name = bytes.toString("utf8");
    if (Buffer.from(name, "utf8").equals(bytes)) names.push(name);
    else omit(`${parent}/${JSON.stringify(bytes.toString("latin1"))}`, "its name is not UTF-8");
  }
  return names.sort((one, other) => (one < other ? -1 : 1));
}

/** Reads a file that was a regular one a moment ago, without following a link put in its place. */
async function readFileItself(host: string): Promise<Buffer> {
  const handle = await open(host, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function kindOf(found: Stats): string {
  if (found.isSymbolicLink()) return "symbolic link";
  if (found.isSocket()) return "socket";
  if (found.isFIFO()) return "named pipe";
  return "device";
}

function bounded(omitted: readonly string[]): string[] {
  if (omitted.length <= maxOmissions) return [...omitted];
  return [...omitted.slice(0, maxOmissions), `and ${omitted.length - maxOmissions} more`];
}

/**
 * Unpacks `archive` into `folder`, which must exist and be empty. Only plain files and folders below
 * it are ever made; the first entry that is anything else, or a limit that is passed, ends it.
 * @throws ArchiveError naming the entry; the folder then holds what came before it.
 */
export async function unpackArchive(
  archive: Uint8Array,
  folder: string,
  limits: ArchiveLimits,
): Promise<void> {
  if ((await readdir(folder)).length > 0) throw new Error(`${folder} is not empty`);
  const made = new Map<string, "file" | "directory">([["", "directory"]]);
  let bytes = 0;
  const entries = extract();
  const reading = pipeline(
    Readable.from([archive]),
    createGunzip(),
    limited(limits.bytes + limits.files * overheadPerFile),
    entries,
  );
  // Its failure reaches the loop below through `entries`.
  reading.catch(() => undefined);

  try {
    for await (const entry of entries) {
      const { header } = entry;
      const path = safePath(header);
      if (made.size > limits.files) throw new ArchiveError(`more than ${limits.files} files`);
      await makeParents(path);
      if (header.type === "directory") {
        await makeFolder(path);
        entry.resume();
        continue;
      }
      if (made.has(path)) throw new ArchiveError(`${shown(path)} occurs twice`);
      made.set(path, "file");
      const mode = (header.mode & 0o100) === 0 ? 0o644 : 0o755;
      const flags =
        constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
      const handle = await open(join(folder, path), flags, mode);
      try {
        for await (const chunk of entry) {
          assert(chunk instanceof Uint8Array);
          bytes += chunk.length;
          if (bytes > limits.bytes) throw new ArchiveError(`more than ${limits.bytes} bytes`);
          await handle.writeFile(chunk);
        }
      } finally {
        await handle.close();
      }
    }
    await reading;
  } catch (error) {
    entries.destroy();
    if (error instanceof ArchiveError || isSystemError(error)) throw error;
    throw new ArchiveError("it is no complete gzipped tar", { cause: error });
  }

  async function makeParents(path: string): Promise<void> {
    const steps = path.split("/").slice(0, -1);
    for (let length = 1; length <= steps.length; length += 1) {
      await makeFolder(steps.slice(0, length).join("/"));
    }
  }

  async function makeFolder(path: string): Promise<void> {
    const existing = made.get(path);
    if (existing === "file") throw new ArchiveError(`${shown(path)} is a file and a folder`);
    if (existing === "directory") return;
    made.set(path, "directory");
    await mkdir(join(folder, path), { mode: 0o755 });
  }
}

/** The entry's path without a trailing slash, if it is a plain file or folder below the root. */
function safePath({ name, type }: Header): string {
  if (type !== "file" && type !== "directory") {
    throw new ArchiveError(`${shown(name)} is a ${type}; accepted: file, directory`);
  }
  const path = name.replace(/^(?:\.\/)+/, "").replace(/\/+$/, "");
  const steps = path.split("/");
  const isSafe =
    !name.startsWith("/") &&
    !name.includes("\0") &&
    Buffer.byteLength(path) <= maxPathBytes &&
    steps.length <= maxDepth &&
    steps.every(
      (step) =>
        step !== "" && step !== "." && step !== ".." && Buffer.byteLength(step) <= maxNameBytes,
    );
  if (!isSafe) throw new ArchiveError(`${shown(name)} is no path below the archive's root`);
  return path;
}

function limited(maxBytes: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > maxBytes) done(new ArchiveError(`it unpacks to more than ${maxBytes} bytes`));
      else done(null, chunk);
    },
  });
}

/** A failure of this machine, such as a full disk, which is not the archive's fault. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

function shown(path: string): string {
  return JSON.stringify(path.slice(0, 200));
}
