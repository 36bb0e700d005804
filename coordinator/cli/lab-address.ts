import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { type CliContext, UsageError } from "./context.ts";

/** Where the coordinator is, and how it was found. */
export interface LabAddress {
  /** `host:port`. */
  readonly coordinator: string;
  readonly labToken: string;
  /** For error messages: what the address was taken from. */
  readonly source: string;
}

/** Written by a lab on this machine, relative to the folder it was started in. */
const labFile = join(".sweep", "lab.json");

const labFileSchema = z.object({ coordinator: z.string().min(1), labToken: z.string().min(1) });

/**
 * Finds the coordinator: the option `--coordinator`, else SWEEP_COORDINATOR, else `.sweep/lab.json` of
 * the working folder or the nearest of its parents. The token is SWEEP_LAB_TOKEN, else that file's.
 *
 * @returns undefined when nothing names a coordinator
 * @throws UsageError for a file that cannot be read and an address without a token
 */
export function findLab(
  option: string | undefined,
  { environment, folder }: Pick<CliContext, "environment" | "folder">,
): LabAddress | undefined {
  const file = readLabFile(folder);
  const named = [
    { coordinator: option, source: "--coordinator" },
    { coordinator: environment["SWEEP_COORDINATOR"], source: "SWEEP_COORDINATOR" },
    { coordinator: file?.lab.coordinator, source: file?.path ?? labFile },
  ].find(({ coordinator }) => coordinator !== undefined && coordinator !== "");
  if (named?.coordinator === undefined) return undefined;
  const { coordinator, source } = named;
  const labToken = environment["SWEEP_LAB_TOKEN"] ?? file?.lab.labToken;
  if (labToken === undefined) {
    throw new UsageError(
      `no lab token for the coordinator at ${coordinator} (from ${source}); set SWEEP_LAB_TOKEN to the coordinator's`,
    );
  }
  return { coordinator, labToken, source };
}

function readLabFile(
  folder: string,
): { path: string; lab: z.infer<typeof labFileSchema> } | undefined {
  for (let current = folder; ; current = dirname(current)) {
    const path = join(current, labFile);
    if (existsSync(path)) return { path, lab: parseLabFile(path) };
    if (current === dirname(current)) return undefined;
  }
}

function parseLabFile(path: string): z.infer<typeof labFileSchema> {
  try {
    return labFileSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    throw new UsageError(
      `${path} is not a lab's file (JSON with coordinator and labToken); remove it, or name the coordinator with --coordinator and SWEEP_LAB_TOKEN`,
      { cause },
    );
  }
}
