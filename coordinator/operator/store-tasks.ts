import { strict as assert } from "node:assert";
import { and, eq } from "drizzle-orm";
import type { Transaction } from "../store/database.ts";
import { tasks } from "../store/schema.ts";

/** A task as it is found in its folder: both halves packed. */
export interface SubmittedTask {
  readonly id: string;
  readonly language: string;
  /** Names of the toolchains that it needs, each once and sorted. */
  readonly toolchains: readonly string[];
  readonly publicDigest: string;
  readonly publicBundle: Buffer;
  readonly hiddenDigest: string;
  readonly hiddenBundle: Buffer;
}

/** Stores these versions of tasks where they are new; answers the row of each, by the task's name. */
export async function storeTasks(
  transaction: Transaction,
  submitted: ReadonlyMap<string, SubmittedTask>,
): Promise<Map<string, number>> {
  const ids = new Map<string, number>();
  for (const task of submitted.values()) {
    const version = {
      name: task.id,
      publicDigest: task.publicDigest,
      hiddenDigest: task.hiddenDigest,
    };
    await transaction
      .insert(tasks)
      .values({
        ...version,
        language: task.language,
        toolchains: [...task.toolchains],
        publicBundle: task.publicBundle,
        hiddenBundle: task.hiddenBundle,
      })
      .onConflictDoNothing();
    const [row] = await transaction
      .select({ id: tasks.id })
      .from(tasks)
      .where(
        and(
          eq(tasks.name, version.name),
          eq(tasks.publicDigest, version.publicDigest),
          eq(tasks.hiddenDigest, version.hiddenDigest),
        ),
      );
    assert(row !== undefined);
    ids.set(task.id, row.id);
  }
  return ids;
}
