import { eq, sql } from "drizzle-orm";
import { z } from "zod";
import type { Logger } from "../../proto/log.ts";
import { identityDigest, identityOf } from "../cell-identity.ts";
import { nextRunState } from "../run-state.ts";
import type { Database, Transaction } from "../store/database.ts";
import { selectRows } from "../store/rows.ts";
import { cells, models, runs, tasks } from "../store/schema.ts";
import { regrades } from "../store/verdict-tables.ts";
import { queueRegrades } from "./queue.ts";

/**
 * Adopts the versions of regrades that were asked to, once each accepted workspace of their cells has
 * its verdict: from then on these verdicts count, and the cells are of that version. What came in
 * meanwhile is graded first. Where a grader failed for good the regrade is refused, and nothing changes.
 * What is to do stands in the database; answers how many versions were adopted.
 */
export async function adoptVersions(database: Database, log: Logger): Promise<number> {
  const open = await selectRows(
    database.queries,
    z.object({ id: z.string() }),
    sql`
      select id from regrades
      where adopt and adopted_at is null and refusal = '' and not exists (
        select from grades where regrade_id = regrades.id and state in ('queued', 'published'))
      order by requested_at, id`,
  );
  let adopted = 0;
  for (const { id } of open) {
    const outcome = await database.transact((transaction) => settle(transaction, id));
    if (outcome !== "waits") log.info({ regradeId: id, outcome }, "regrade settled");
    if (outcome === "adopted") adopted += 1;
  }
  return adopted;
}

type Outcome = "waits" | "refused" | "adopted";

async function settle(transaction: Transaction, regradeId: string): Promise<Outcome> {
  const [regrade] = await transaction
    .select()
    .from(regrades)
    .where(eq(regrades.id, regradeId))
    .for("update");
  if (regrade === undefined) throw new Error(`there is no regrade ${regradeId}`);
  if (regrade.adoptedAt !== null || regrade.refusal !== "") return "waits";
  const state = await lockCells(transaction, regradeId);
  if ((await queueRegrades(transaction, regradeId)) > 0 || state.awaited > 0 || state.open > 0) {
    return "waits";
  }
  if (state.ungraded > 0) {
    const refusal = `the grader failed on ${state.ungraded} of the workspaces; what was counted still is`;
    await transaction.update(regrades).set({ refusal }).where(eq(regrades.id, regradeId));
    return "refused";
  }
  await switchCells(transaction, regrade);
  await transaction
    .update(regrades)
    .set({ adoptedAt: sql`now()` })
    .where(eq(regrades.id, regradeId));
  await endExhausted(transaction, regradeId);
  return "adopted";
}

const cellsOfRegrade = (regradeId: string) => sql`
  select cells.id from regrades
  join tasks on tasks.id = regrades.task_id
  join cells on cells.sweep_id = regrades.sweep_id and cells.task_name = tasks.name
  where regrades.id = ${regradeId}`;

const stateRow = z.object({ awaited: z.int(), open: z.int(), ungraded: z.int() });

/** Locks the runs of the cells, so that no result is accepted, and counts what stands in the way. */
async function lockCells(
  transaction: Transaction,
  regradeId: string,
): Promise<z.infer<typeof stateRow>> {
  await transaction.execute(
    sql`select from runs where cell_id in (${cellsOfRegrade(regradeId)}) order by id for update`,
  );
  const [row] = await selectRows(
    transaction,
    stateRow,
    sql`
      select
        (count(*) filter (where runs.state in ('finished', 'grading')))::integer as awaited,
        (count(*) filter (where grade.state in ('queued', 'published')))::integer as open,
        (count(*) filter (where grade.state = 'grader_error'))::integer as ungraded
      from runs
      left join lateral (
        select state from grades
        where regrade_id = ${regradeId} and attempt_id = runs.accepted_attempt_id
        order by number desc limit 1
      ) as grade on true
      where runs.cell_id in (${cellsOfRegrade(regradeId)})`,
  );
  return row ?? { awaited: 0, open: 0, ungraded: 0 };
}

async function switchCells(
  transaction: Transaction,
  regrade: typeof regrades.$inferSelect,
): Promise<void> {
  const [version] = await transaction
    .select({
      id: tasks.id,
      publicDigest: tasks.publicDigest,
      hiddenDigest: tasks.hiddenDigest,
    })
    .from(tasks)
    .where(eq(tasks.id, regrade.taskId));
  if (version === undefined) throw new Error(`there is no task ${regrade.taskId}`);
  const rows = await transaction
    .select({ cell: cells, model: models })
    .from(cells)
    .innerJoin(models, eq(models.id, cells.modelId))
    .where(sql`${cells.id} in (${cellsOfRegrade(regrade.id)})`);
  for (const row of rows) {
    const identity = identityDigest(storedIdentity(row, version));
    await transaction
      .update(cells)
      .set({ taskId: version.id, identity })
      .where(eq(cells.id, row.cell.id));
  }
}

/** The identity of a stored cell if its task had this version: as submission would reckon it. */
export function storedIdentity(
  {
    cell,
    model,
  }: {
    readonly cell: typeof cells.$inferSelect;
    readonly model: typeof models.$inferSelect;
  },
  version: { readonly publicDigest: string; readonly hiddenDigest: string },
) {
  const { harness, taskName, wallSeconds, outputTokens, turns, sampling } = cell;
  return identityOf(
    {
      harness,
      task: taskName,
      limits: { wallSeconds, outputTokens, turns },
      sampling,
      model: {
        label: model.name,
        kind: model.kind,
        path: model.path,
        contextTokens: model.contextTokens,
        chatTemplatePath: model.chatTemplatePath === "" ? null : model.chatTemplatePath,
        hosted: model.hosted,
        // What follows is no part of an identity: the quant is in the label, the sampling in the cell's.
        quant: null,
        sampling: {},
      },
    },
    cell,
    version,
  );
}

/** Runs that the grader's failures had ended have their verdict now. */
async function endExhausted(transaction: Transaction, regradeId: string): Promise<void> {
  await transaction
    .update(runs)
    .set({ state: nextRunState("exhausted", "regraded"), reason: "", changedAt: sql`now()` })
    .where(
      sql`${runs.state} = 'exhausted' and ${runs.cellId} in (${cellsOfRegrade(regradeId)})
        and exists (
          select from grades
          where grades.regrade_id = ${regradeId} and grades.attempt_id = ${runs.acceptedAttemptId}
            and grades.state in ('passed', 'failed'))`,
    );
}
