import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDigest, sha256 } from "../digest.ts";
import type { FetchObject } from "../nats/objects.ts";

/** Half of a task could not be had, or was not what its digest says. */
export class TaskBundleError extends Error {
  override readonly name = "TaskBundleError";

  constructor(digest: string, reason: string, options?: ErrorOptions) {
    super(`the task bundle with digest ${digest} cannot be used: ${reason}`, options);
  }
}

/** Bundles kept on disk; the one unused for longest goes first. */
const maxKept = 64;
const partSuffix = ".part";

/**
 * The half of a task with that digest, from `folder` or else fetched and kept there. Whatever the
 * source, the bytes have this SHA-256. `nowMs` is milliseconds since 1970, and orders what is kept by
 * use. One process at a time may use a folder.
 *
 * @throws TaskBundleError when the store cannot be reached, has no such object, or has another one.
 */
export async function taskBundle(options: {
  readonly folder: string;
  readonly digest: string;
  readonly fetch: FetchObject;
  readonly nowMs: number;
}): Promise<Buffer> {
  const { folder, digest, fetch, nowMs } = options;
  if (!isDigest(digest)) {
    throw new TaskBundleError(digest, "that is no SHA-256 in hexadecimal");
  }
  const path = join(folder, `${digest}.tar.gz`);
  const kept = await readFile(path).catch(() => null);
  if (kept !== null && sha256(kept) === digest) {
    await utimes(path, nowMs / 1_000, nowMs / 1_000);
    return kept;
  }
  const fetched = await fetch(digest).catch((cause: unknown) => {
    throw new TaskBundleError(digest, "the object store did not give it", { cause });
  });
  if (fetched === null) throw new TaskBundleError(digest, "the object store does not have it");
  if (sha256(fetched) !== digest) {
    throw new TaskBundleError(digest, "the object store holds other bytes under its name");
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // What a crash leaves half-written has another name, or fails its digest and is fetched again.
  await writeFile(`${path}${partSuffix}`, fetched, { mode: 0o600 });
  await utimes(`${path}${partSuffix}`, nowMs / 1_000, nowMs / 1_000);
  await rename(`${path}${partSuffix}`, path);
  await evict(folder);
  return Buffer.from(fetched);
}

async function evict(folder: string): Promise<void> {
  const names = await readdir(folder);
  if (names.length <= maxKept) return;
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      return { path, usedAtMs: (await stat(path)).mtimeMs };
    }),
  );
  files.sort((one, other) => other.usedAtMs - one.usedAtMs);
  for (const { path } of files.slice(maxKept)) await rm(path, { force: true });
}
