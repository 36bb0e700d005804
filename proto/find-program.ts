import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** Where package managers put programs that a user's PATH often lacks: Homebrew, local builds, Debian's daemons. */
const customaryFolders = ["/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/usr/sbin"] as const;

/**
 * Absolute path of a program, looked for in `before`, then on `path` (the value of PATH), then in
 * {@link customaryFolders}; undefined when none of them has an executable file of that name.
 */
export function findProgram(
  name: string,
  options: { readonly path: string | undefined; readonly before?: readonly string[] },
): string | undefined {
  const { path = "", before = [] } = options;
  return [...before, ...path.split(delimiter), ...customaryFolders]
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** Whether a path names a file that this user may execute. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
