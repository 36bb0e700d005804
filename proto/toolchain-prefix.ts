import { join, relative, sep } from "node:path";

/** Folders whose folders are the homes of people, apart from the one that holds this user's. */
const foldersOfHomes = ["/home", "/Users"];

/**
 * Whether a folder can only be a toolchain's own, so that showing it shows nothing else of the machine.
 * In a home it lies two levels deep at least: `~/.pyenv/versions/3.13` is fine, while `~` and
 * `~/.local` hold what belongs to a person. Elsewhere it is no folder of the root, such as `/opt`.
 *
 * @param prefix absolute, with links resolved
 * @param home folder of this user, with links resolved
 */
export function isOwnPrefix(prefix: string, home: string): boolean {
  if (contains(home, prefix)) return depthBelow(home, prefix) >= 2;
  if (contains(prefix, home)) return false;
  if (foldersOfHomes.some((folder) => contains(folder, prefix))) return false;
  return depthBelow(sep, prefix) >= 2;
}

/** Whether `path` is `folder` or lies in it. */
export function contains(folder: string, path: string): boolean {
  return path === folder || path.startsWith(join(folder, sep));
}

function depthBelow(folder: string, path: string): number {
  return relative(folder, path)
    .split(sep)
    .filter((part) => part !== "").length;
}
