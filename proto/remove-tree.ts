import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

/** Removes a folder with everything in it, also what a sandboxed process closed against its own user. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await reopenTree(path);
    await rm(path, { recursive: true, force: true });
  }
}

/** Makes everything in a folder readable, and its folders changeable, for this user again. */
export async function reopenTree(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await reopenTree(path);
    else if (entry.isFile()) await chmod(path, (await lstat(path)).mode | 0o400);
  }
}
