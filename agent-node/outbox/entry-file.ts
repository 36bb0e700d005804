import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { sha256 } from "../../proto/digest.ts";

/** Format line of an entry file; another format is another line. */
const format = "harness-sweep/outbox-entry/1";

const headerSchema = z.strictObject({
  format: z.literal(format),
  id: z.string().min(1),
  attemptId: z.string().min(1),
  kind: z.enum(["trace", "result"]),
  workspaceDigest: z.string().nullable(),
  payloadBytes: z.int().nonnegative(),
  payloadDigest: z.string(),
});

/** What an entry file says of its payload, in its first line as JSON. */
export type EntryHeader = z.infer<typeof headerSchema>;

/** A file of the outbox does not hold what it should: cut short, altered or of another format. */
export class DamagedEntryError extends Error {
  constructor(path: string, found: string, options?: ErrorOptions) {
    super(`outbox entry ${path} is damaged: ${found}`, options);
    this.name = "DamagedEntryError";
  }
}

/** The bytes of an entry file: the header as one line of JSON, then the payload. */
export function encodeEntry(
  entry: Pick<EntryHeader, "id" | "attemptId" | "kind" | "workspaceDigest">,
  payload: Uint8Array,
): Buffer {
  const header: EntryHeader = {
    format,
    id: entry.id,
    attemptId: entry.attemptId,
    kind: entry.kind,
    workspaceDigest: entry.workspaceDigest,
    payloadBytes: payload.byteLength,
    payloadDigest: sha256(payload),
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), payload]);
}

/**
 * The reverse of {@link encodeEntry}. `path` is named in errors only.
 *
 * @throws DamagedEntryError
 */
export function decodeEntry(
  bytes: Buffer,
  path: string,
): { readonly header: EntryHeader; readonly payload: Buffer } {
  const end = bytes.indexOf("\n");
  if (end === -1) throw new DamagedEntryError(path, "it has no header line");
  const header = parseHeader(bytes.toString("utf8", 0, end), path);
  const payload = bytes.subarray(end + 1);
  if (payload.byteLength !== header.payloadBytes) {
    const found = `${payload.byteLength} bytes of payload, its header says ${header.payloadBytes}`;
    throw new DamagedEntryError(path, found);
  }
  if (sha256(payload) !== header.payloadDigest) {
    throw new DamagedEntryError(path, "its payload does not have the digest of its header");
  }
  return { header, payload };
}

function parseHeader(line: string, path: string): EntryHeader {
  try {
    return headerSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new DamagedEntryError(path, "its header line cannot be read", { cause });
  }
}

/**
 * Writes a file that is either whole or absent whatever happens meanwhile, a power cut included:
 * the bytes reach the disk under a temporary name, then the name, then the folder.
 */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}${temporarySuffix}`;
  try {
    const file = await open(temporary, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Ending of files whose writing was never finished. */
export const temporarySuffix = ".part";
