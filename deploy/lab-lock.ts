import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { commandOf } from "./embedded/leftover.ts";

/** Another lab uses this folder. */
export class LabLockedError extends Error {
  constructor(folder: string, pid: number) {
    super(
      `a lab already runs in ${folder} (process ${pid}); stop it, or start this one in another folder`,
    );
    this.name = "LabLockedError";
  }
}

/** The command line beside the process id tells a live holder from a stranger with its old id. */
const holderSchema = z.object({ pid: z.int(), command: z.string() });

/**
 * Takes a folder for one lab and returns what gives it back. A lock whose holder has died counts
 * for nothing.
 *
 * @throws LabLockedError while another lab holds it.
 */
export async function lockLab(folder: string): Promise<() => void> {
  const file = join(folder, "lab.lock");
  const mine = join(folder, `lab.lock.${randomUUID()}`);
  const text = JSON.stringify({ pid: process.pid, command: await commandOf(process.pid) });
  writeFileSync(mine, text);
  try {
    for (;;) {
      try {
        // A link appears whole or not at all, and not over another.
        linkSync(mine, file);
        return () => rmSync(file, { force: true });
      } catch (error) {
        if (!isFileError(error, "EEXIST")) throw error;
      }
      await removeIfStale(file, folder);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

async function removeIfStale(file: string, folder: string): Promise<void> {
  const text = readIfPresent(file);
  if (text === undefined) return;
  const holder = holderSchema.safeParse(safeJson(text)).data;
  if (holder !== undefined && (await commandOf(holder.pid)) === holder.command) {
    throw new LabLockedError(folder, holder.pid);
  }
  const aside = `${file}.${randomUUID()}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (isFileError(error, "ENOENT")) return;
    throw error;
  }
  // Somebody may have taken the lock since it was read: give back what was not stale.
  if (readFileSync(aside, "utf8") !== text) linkSync(aside, file);
  rmSync(aside);
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (isFileError(error, "ENOENT")) return undefined;
    throw error;
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isFileError(error: unknown, code: "EEXIST" | "ENOENT"): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
