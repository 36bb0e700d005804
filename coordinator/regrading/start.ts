import { randomUUID } from "node:crypto";
import { and, eq, inArray, sql } from "drizzle-orm";
import { storeTasks } from "../operator/store-tasks.ts";
import type { SweepReader } from "../operator/sweep-reader.ts";
import { NotFoundError, RefusedError } from "../queries/errors.ts";
import { findTarget, type Target } from "../queries/target.ts";
import type { Database, Transaction } from "../store/database.ts";
import type { Executor } from "../store/rows.ts";
import { cells, tasks } from "../store/schema.ts";
import { regrades } from "../store/verdict-tables.ts";
import { filesOfBundle } from "../task-bundle.ts";
import { visibleDifferences } from "./public-difference.ts";
import { queueRegrades } from "./queue.ts";

/** What is to be graded again. */
export interface RegradeWish {
  /** Name or identifier of a sweep, or the number of a run. */
  readonly target: string;
  /** Empty for all tasks. */
  readonly task: string;
  readonly adopt: boolean;
}

/**
 * Queues the stored workspaces of accepted attempts to be graded with their tasks' present versions:
 * a regrade for each task, and a grade for each workspace, in one transaction. Answers the regrades.
 * @throws RefusedError if there is nothing to grade again, a task has no usable folder, or a version
 *   cannot be adopted.
 * @throws NotFoundError
 */
export async function startRegrade(
  database: Database,
  reader: SweepReader,
  wish: RegradeWish,
): Promise<string[]> {
  const target = await findTarget(database.queries, wish.target);
  if (target.run !== null && wish.adopt) {
    throw new RefusedError(
      `a version is adopted by whole cells, not by run ${target.run.run_id}; name its sweep, ${target.sweep.name}`,
    );
  }
  const present = await reader.readTasks(await tasksOf(database.queries, target, wish.task));
  return database.transact(async (transaction) => {
    const taskIds = await storeTasks(transaction, present);
    const requestId = randomUUID();
    const started: string[] = [];
    for (const taskId of taskIds.values()) {
      if (wish.adopt) await refuseVisibleChange(transaction, target.sweep.id, taskId);
      const id = randomUUID();
      await transaction.insert(regrades).values({
        id,
        requestId,
        sweepId: target.sweep.id,
        taskId,
        runId: target.run === null ? null : Number(target.run.run_id),
        adopt: wish.adopt,
      });
      const queued = await queueRegrades(transaction, id);
      // Without a workspace there is nothing to say, but a version to adopt for the runs to come.
      if (queued > 0 || wish.adopt) started.push(id);
      else await transaction.delete(regrades).where(eq(regrades.id, id));
    }
    if (started.length > 0) return started;
    throw new RefusedError(
      `nothing to grade again: no run of ${wish.target} has an accepted result with a workspace`,
    );
  });
}

async function tasksOf(
  executor: Executor,
  { sweep, run }: Target,
  task: string,
): Promise<string[]> {
  const rows = await executor
    .selectDistinct({ name: cells.taskName })
    .from(cells)
    .where(
      and(
        eq(cells.sweepId, sweep.id),
        run === null ? undefined : eq(cells.taskName, run.task),
        task === "" ? undefined : eq(cells.taskName, task),
      ),
    )
    .orderBy(cells.taskName);
  if (rows.length > 0) return rows.map(({ name }) => name);
  throw new NotFoundError(
    run === null
      ? `the sweep "${sweep.name}" has no task "${task}"`
      : `run ${run.run_id} is of the task ${run.task}, not of "${task}"`,
  );
}

/** An agent that was told something else, or began with other files, did not answer this version. */
async function refuseVisibleChange(
  transaction: Transaction,
  sweepId: string,
  taskId: number,
): Promise<void> {
  const [present] = await transaction.select().from(tasks).where(eq(tasks.id, taskId));
  if (present === undefined) throw new Error(`there is no task ${taskId}`);
  const earlier = await transaction
    .select({ bundle: tasks.publicBundle })
    .from(tasks)
    .where(
      and(
        sql`${tasks.publicDigest} <> ${present.publicDigest}`,
        inArray(
          tasks.id,
          transaction
            .select({ id: cells.taskId })
            .from(cells)
            .where(and(eq(cells.sweepId, sweepId), eq(cells.taskName, present.name))),
        ),
      ),
    );
  const now = await filesOfBundle(present.publicBundle);
  for (const { bundle } of earlier) {
    const differences = visibleDifferences(await filesOfBundle(bundle), now);
    if (differences.length === 0) continue;
    throw new RefusedError(
      `the present version of ${present.name} cannot be adopted: agents saw another ${differences.join(", ")}, so what they left is no answer to it. Without --adopt it is graded and shown; to measure it, submit it as another sweep`,
    );
  }
}
