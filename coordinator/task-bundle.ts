import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";

/** Files of half a task by their paths, in the order of the archive. */
export type TaskFiles = ReadonlyMap<string, Buffer>;

/**
 * The files of a stored half. Halves are packed by a coordinator, within the bounds of a task, so
 * that they are read into memory as they are.
 */
export async function filesOfBundle(bundle: Uint8Array): Promise<TaskFiles> {
  const files = new Map<string, Buffer>();
  const entries = extract();
  const reading = pipeline(Readable.from([bundle]), createGunzip(), entries);
  // Its failure reaches the loop below through `entries`.
  reading.catch(() => undefined);
  for await (const entry of entries) {
    const parts: Buffer[] = [];
    for await (const part of entry) if (part instanceof Buffer) parts.push(part);
    if (entry.header.type === "file") files.set(entry.header.name, Buffer.concat(parts));
  }
  await reading;
  return files;
}
