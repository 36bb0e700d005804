import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type CliContext, UsageError } from "./context.ts";

/**
 * The text of a sweep file that a command names.
 *
 * @throws UsageError when it cannot be read
 */
export function readSweepText(path: string, { folder }: Pick<CliContext, "folder">): string {
  try {
    return readFileSync(resolve(folder, path), "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`cannot read the sweep file ${path}: ${reason}`, { cause });
  }
}
