import { mkdir, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { NatsConnection } from "nats";
import { publicTaskBucket } from "../proto/subjects.ts";
import { sha256, writeDurably } from "./outbox/entry-file.ts";

/** A task's public half could not be had, or was not what its digest says. */
export class TaskBundleError extends Error {
  constructor(digest: string, reason: string, options?: ErrorOptions) {
    super(`the public half of the task with digest ${digest} cannot be used: ${reason}`, options);
    this.name = "TaskBundleError";
  }
}

/** Gets the bytes of an object by its digest, null if there is none. */
export type FetchBundle = (digest: string) => Promise<Uint8Array | null>;

/** Bundles kept on disk; the one unused for longest goes first. */
const maxKept = 64;

/** Fetches public task halves from the object store. */
export function bundlesFromNats(connection: NatsConnection): FetchBundle {
  return async (digest) => {
    const bucket = await connection.jetstream().views.os(publicTaskBucket);
    return bucket.getBlob(digest);
  };
}

/**
 * The bundle of that digest, from `folder` or else fetched and kept there. Whatever the source, the
 * bytes have this SHA-256. `nowMs` is milliseconds since 1970, and orders what is kept by use.
 *
 * @throws TaskBundleError when the store cannot be reached, has no such object, or has another one.
 */
export async function taskBundle(options: {
  readonly folder: string;
  readonly digest: string;
  readonly fetch: FetchBundle;
  readonly nowMs: number;
}): Promise<Buffer> {
  const { folder, digest, fetch, nowMs } = options;
  if (!/^[0-9a-f]{64}$/.test(digest)) {
    throw new TaskBundleError(digest, "that is no SHA-256 in hexadecimal");
  }
  const path = join(folder, `${digest}.tar.gz`);
  const kept = await readFile(path).catch(() => null);
  if (kept !== null && sha256(kept) === digest) {
    await utimes(path, nowMs / 1_000, nowMs / 1_000);
    return kept;
  }
  const fetched = await fetch(digest).catch((cause: unknown) => {
    throw new TaskBundleError(digest, "the object store did not answer", { cause });
  });
  if (fetched === null) throw new TaskBundleError(digest, "the object store does not have it");
  if (sha256(fetched) !== digest) {
    throw new TaskBundleError(digest, "the object store holds other bytes under its name");
  }
  await mkdir(folder, { recursive: true });
  await writeDurably(path, fetched);
  await utimes(path, nowMs / 1_000, nowMs / 1_000);
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
