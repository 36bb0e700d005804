import { randomUUID } from "node:crypto";
import { access, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** Temporary folders of installations; ones this old belong to processes that died. */
const temporaryPrefix = ".installing-";
const abandonedAfterMs = 60 * 60_000;

/**
 * Makes the folder `name` in `parent`, which appears complete or not at all, and in place of one that
 * is not usable. Several processes may do so at one time: the first one's stays, for they are equal.
 *
 * @param installation.parent made if absent
 * @param installation.fill fills the temporary folder that it is given; `place` is where it will lie
 * @param installation.isUsable whether what lies at the place is what `fill` makes
 * @throws what `fill` throws; nothing is left behind then.
 */
export async function installFolder(installation: {
  readonly parent: string;
  readonly name: string;
  readonly fill: (temporary: string, place: string) => Promise<void>;
  readonly isUsable: (place: string) => Promise<boolean>;
}): Promise<void> {
  const { parent, name, fill, isUsable } = installation;
  await mkdir(parent, { recursive: true });
  await removeAbandoned(parent, Date.now());
  const place = join(parent, name);
  const temporary = join(parent, `${temporaryPrefix}${name}-${randomUUID()}`);
  try {
    await mkdir(temporary);
    await fill(temporary, place);
    await moveTo(place, temporary, isUsable);
  } finally {
    // Retries: an installer that was given up may have written until just now.
    await rm(temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Another process may have been faster; what it installed is the same. */
async function moveTo(
  place: string,
  temporary: string,
  isUsable: (place: string) => Promise<boolean>,
): Promise<void> {
  try {
    await rename(temporary, place);
  } catch (cause) {
    if (!(await exists(place))) throw cause;
    if (await isUsable(place)) return;
    // What is left of one that broke stands in the way.
    await rm(place, { recursive: true, force: true });
    await rename(temporary, place);
  }
}

async function removeAbandoned(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(temporaryPrefix)) continue;
    const path = join(folder, name);
    const since = await stat(path).catch(() => null);
    if (since === null || nowMs - since.mtimeMs < abandonedAfterMs) continue;
    await rm(path, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
