import { strict as assert } from "node:assert";
import { randomUUID } from "node:crypto";
import { and, eq, inArray, sql } from "drizzle-orm";
import { sha256 } from "../../proto/digest.ts";
import { isLiftedBy } from "../hosted/pause.ts";
import type { Cell } from "../matrix.ts";
import { RefusedError } from "../queries/errors.ts";
import type { SweepRow } from "../queries/sweeps.ts";
import type { Database, Transaction } from "../store/database.ts";
import { cells, harnesses, models, runs, sweeps } from "../store/schema.ts";
import type { ModelDefinition, SweepDefinition } from "../sweep-file/definition.ts";
import { type SubmittedTask, storeTasks } from "./store-tasks.ts";

/** A sweep file that was read, with all that it names. */
export interface Submission {
  readonly fileName: string;
  readonly text: string;
  readonly sweep: SweepDefinition;
  readonly cells: readonly { readonly cell: Cell; readonly identity: string }[];
  /** The tasks of the cells, by name. */
  readonly tasks: ReadonlyMap<string, SubmittedTask>;
}

/** Rows of one insert; a statement takes 65,535 parameters at most. */
const rowsPerInsert = 5_000;

/**
 * Stores a sweep with its cells and runs, all or nothing. A sweep of this name is refused, unless
 * `amend` is set: then cells and seeds that are new are added, and nothing that is there changes.
 * @throws RefusedError for a name that is taken, an amendment without a sweep to amend, or one
 *   that would change what existing cells mean.
 */
export function storeSweep(
  database: Database,
  submission: Submission,
  amend: boolean,
): Promise<{ sweepId: string; runsAdded: number; runsTotal: number }> {
  return database.transact(async (transaction) => {
    const sweepId = await storeSweepRow(transaction, submission, amend);
    const known = await existingCells(transaction, sweepId);
    refuseChangedCells(submission, known);
    const modelIds = await storeModels(transaction, submission.sweep.models);
    await storeHarnesses(transaction, submission.sweep.harnesses);
    const taskIds = await storeTasks(transaction, submission.tasks);
    const fresh = submission.cells.filter(({ cell }) => !known.has(cellKey(cell)));
    for (const part of portions(fresh)) {
      await transaction.insert(cells).values(
        part.map(({ cell, identity }) => ({
          sweepId,
          modelId: idOf(modelIds, cell.model.label),
          modelName: cell.model.label,
          harness: cell.harness,
          taskId: idOf(taskIds, cell.task),
          taskName: cell.task,
          ...cell.limits,
          sampling: cell.sampling,
          determinism: submission.sweep.determinism,
          sandbox: submission.sweep.sandbox,
          decoy: submission.sweep.decoy,
          identity,
        })),
      );
    }
    const all = await existingCells(transaction, sweepId);
    const wanted = submission.cells.flatMap(({ cell }) =>
      submission.sweep.seeds.map((seed) => ({
        sweepId,
        cellId: all.get(cellKey(cell))?.id ?? unreachable(cell),
        seed,
        maxAttempts: submission.sweep.maxAttempts,
      })),
    );
    let runsAdded = 0;
    for (const part of portions(wanted)) {
      const added = await transaction
        .insert(runs)
        .values(part)
        .onConflictDoNothing()
        .returning({ id: runs.id });
      runsAdded += added.length;
    }
    return {
      sweepId,
      runsAdded,
      runsTotal: await transaction.$count(runs, eq(runs.sweepId, sweepId)),
    };
  });
}

async function storeSweepRow(
  transaction: Transaction,
  { sweep, fileName, text }: Submission,
  amend: boolean,
): Promise<string> {
  const id = randomUUID();
  const inserted = await transaction
    .insert(sweeps)
    .values({
      id,
      name: sweep.name,
      state: "active",
      fileName,
      fileText: text,
      spendingCapUsd: sweep.spendingCapUsd,
    })
    .onConflictDoNothing()
    .returning({ id: sweeps.id });
  if (inserted.length > 0) {
    if (!amend) return id;
    throw new RefusedError(`there is no sweep "${sweep.name}" to amend; submit it without --amend`);
  }
  const [existing] = await transaction
    .select()
    .from(sweeps)
    .where(eq(sweeps.name, sweep.name))
    .for("update");
  assert(existing !== undefined);
  if (!amend) throw alreadySubmitted(existing);
  if (existing.state === "cancelled") {
    throw new RefusedError(`the sweep "${sweep.name}" was cancelled; submit it under another name`);
  }
  await transaction
    .update(sweeps)
    .set({
      fileName,
      fileText: text,
      spendingCapUsd: sweep.spendingCapUsd,
      amendedAt: sql`now()`,
      ...stateAfterAmendment(existing, sweep.spendingCapUsd),
    })
    .where(eq(sweeps.id, existing.id));
  // Found unplaceable in an earlier life of the sweep: the lab may have changed since.
  await transaction
    .update(runs)
    .set({ state: "pending", reason: "", changedAt: sql`now()` })
    .where(and(eq(runs.sweepId, existing.id), eq(runs.state, "unplaceable")));
  return existing.id;
}

/** An operator's pause outlasts an amendment; one for want of money ends when there is more. */
function stateAfterAmendment(
  { state, pauseReason, spendingCapUsd: before }: SweepRow,
  after: number | null,
): Pick<SweepRow, "state" | "pauseReason"> {
  if (state === "paused" && !isLiftedBy(pauseReason, { before, after })) {
    return { state, pauseReason };
  }
  return { state: "active", pauseReason: "" };
}

function alreadySubmitted(existing: SweepRow): RefusedError {
  return new RefusedError(
    `a sweep "${existing.name}" was submitted on ${existing.createdAt.toISOString()}; to add cells or seeds to it use --amend, for another sweep change its name`,
  );
}

interface KnownCell {
  readonly id: number;
  readonly identity: string;
}

async function existingCells(
  transaction: Transaction,
  sweepId: string,
): Promise<Map<string, KnownCell>> {
  const rows = await transaction.select().from(cells).where(eq(cells.sweepId, sweepId));
  return new Map(
    rows.map((row) => [
      keyOf(row.modelName, row.harness, row.taskName),
      { id: row.id, identity: row.identity },
    ]),
  );
}

function refuseChangedCells(submission: Submission, known: ReadonlyMap<string, KnownCell>): void {
  const changed = submission.cells.filter(({ cell, identity }) => {
    const existing = known.get(cellKey(cell));
    return existing !== undefined && existing.identity !== identity;
  });
  const [first] = changed;
  if (first === undefined) return;
  const { model, harness, task } = first.cell;
  throw new RefusedError(
    `amending would change what ${changed.length} existing cells mean, first ${model.label} x ${harness} x ${task}: their task, model, limits, sampling, determinism, sandbox or decoy differ from what was submitted, so old and new runs could not be averaged; submit them as another sweep`,
  );
}

async function storeModels(
  transaction: Transaction,
  definitions: readonly ModelDefinition[],
): Promise<Map<string, number>> {
  const values = definitions.map((model) => ({
    identity: modelIdentity(model),
    name: model.label,
    kind: model.kind,
    path: model.path,
    contextTokens: model.contextTokens,
    chatTemplatePath: model.chatTemplatePath ?? "",
    hosted: model.hosted,
  }));
  await transaction.insert(models).values(values).onConflictDoNothing();
  const rows = await transaction
    .select({ id: models.id, name: models.name })
    .from(models)
    .where(
      inArray(
        models.identity,
        values.map(({ identity }) => identity),
      ),
    );
  return new Map(rows.map(({ id, name }) => [name, id]));
}

function modelIdentity(model: ModelDefinition): string {
  const { label, kind, path, contextTokens, chatTemplatePath, hosted } = model;
  return sha256(JSON.stringify([label, kind, path, contextTokens, chatTemplatePath, hosted]));
}

async function storeHarnesses(transaction: Transaction, names: readonly string[]): Promise<void> {
  await transaction
    .insert(harnesses)
    .values(names.map((name) => ({ name })))
    .onConflictDoNothing();
}

function cellKey({ model, harness, task }: Cell): string {
  return keyOf(model.label, harness, task);
}

function keyOf(model: string, harness: string, task: string): string {
  return JSON.stringify([model, harness, task]);
}

function idOf(ids: ReadonlyMap<string, number>, name: string): number {
  const id = ids.get(name);
  assert(id !== undefined, `${name} was not stored`);
  return id;
}

function unreachable(cell: Cell): never {
  throw new Error(`the cell ${cellKey(cell)} was not stored`);
}

function* portions<Item>(items: readonly Item[]): Generator<Item[], void, undefined> {
  for (let start = 0; start < items.length; start += rowsPerInsert) {
    yield items.slice(start, start + rowsPerInsert);
  }
}
