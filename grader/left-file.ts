import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { LeftFile } from "./verdict.ts";

/** Codes of a file that is there and cannot be opened as one: a link, a socket, a device without driver, a closed one. */
const unusableCodes: ReadonlySet<string> = new Set(["ELOOP", "EMLINK", "ENXIO", "EACCES", "EPERM"]);

/**
 * Reads a file that untrusted code may have put there: no link is followed, no pipe is waited for,
 * and no more than `maxBytes` are read.
 */
export async function readLeftFile(path: string, maxBytes: number): Promise<LeftFile> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let handle: FileHandle;
  try {
    handle = await open(path, flags);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOENT") return { kind: "absent" };
    if (unusableCodes.has(code)) return { kind: "unusable", why: `cannot be read (${code})` };
    throw error;
  }
  try {
    const found = await handle.stat();
    if (!found.isFile()) return { kind: "unusable", why: "is no regular file" };
    if (found.size > maxBytes) {
      return { kind: "unusable", why: `has ${found.size} bytes; accepted: up to ${maxBytes}` };
    }
    return { kind: "text", text: await handle.readFile("utf8") };
  } finally {
    await handle.close();
  }
}
