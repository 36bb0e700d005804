import type { MessageInitShape } from "@bufbuild/protobuf";
import { inArray, sql } from "drizzle-orm";
import { z } from "zod";
import type { RegradeProgressSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { NotFoundError } from "../queries/errors.ts";
import { findTarget } from "../queries/target.ts";
import { type Executor, selectRows } from "../store/rows.ts";

const itemSchema = z.object({
  run_id: z.coerce.string(),
  model: z.string(),
  harness: z.string(),
  seed: z.int(),
  before: z.string(),
  after: z.string(),
});

const regradeRow = z.object({
  id: z.string(),
  sweep_name: z.string(),
  task: z.string(),
  public_digest: z.string(),
  hidden_digest: z.string(),
  version_of_cells: z.boolean(),
  adopt: z.boolean(),
  adopted: z.boolean(),
  refusal: z.string(),
  items: z.array(itemSchema),
});

type Item = z.infer<typeof itemSchema>;

/** What regrades have brought so far, in the order of their tasks. */
export async function readRegrades(
  executor: Executor,
  regradeIds: readonly string[],
): Promise<MessageInitShape<typeof RegradeProgressSchema>[]> {
  if (regradeIds.length === 0) return [];
  const rows = await selectRows(
    executor,
    regradeRow,
    sql`
      select regrades.id, sweeps.name as sweep_name, tasks.name as task, tasks.public_digest,
        tasks.hidden_digest, regrades.adopt, regrades.adopted_at is not null as adopted, regrades.refusal,
        not exists (
          select from cells
          where cells.sweep_id = regrades.sweep_id and cells.task_name = tasks.name
            and cells.task_id <> regrades.task_id
        ) as version_of_cells,
        coalesce((
          select jsonb_agg(to_jsonb(item) order by item.run_id) from (
            select distinct on (grades.attempt_id) runs.id as run_id, cells.model_name as model,
              cells.harness, runs.seed, coalesce(baseline.state, '') as before, grades.state as after
            from grades
            join attempts on attempts.id = grades.attempt_id
            join runs on runs.id = attempts.run_id
            join cells on cells.id = runs.cell_id
            left join grades as baseline on baseline.id = grades.baseline_id
            where grades.regrade_id = regrades.id
            order by grades.attempt_id, grades.number desc
          ) as item
        ), '[]'::jsonb) as items
      from regrades
      join sweeps on sweeps.id = regrades.sweep_id
      join tasks on tasks.id = regrades.task_id
      where ${inArray(sql`regrades.id`, [...regradeIds])}
      order by tasks.name`,
  );
  return rows.map(({ items, ...regrade }) => ({
    regradeId: regrade.id,
    sweepName: regrade.sweep_name,
    task: regrade.task,
    publicDigest: regrade.public_digest,
    hiddenDigest: regrade.hidden_digest,
    versionOfCells: regrade.version_of_cells,
    adopt: regrade.adopt,
    adopted: regrade.adopted,
    refusal: regrade.refusal,
    ...counted(items),
  }));
}

function counted(items: readonly Item[]) {
  const count = (holds: (item: Item) => boolean) => items.filter(holds).length;
  const from = (before: string, after: string) =>
    count((item) => item.before === before && item.after === after);
  const judged = items.filter(({ after }) => after === "passed" || after === "failed");
  return {
    workspaces: items.length,
    open: count(({ after }) => after === "queued" || after === "published"),
    ungraded: count(({ after }) => after === "grader_error"),
    unchanged: judged.filter(({ before, after }) => before === after).length,
    passedToFailed: from("passed", "failed"),
    failedToPassed: from("failed", "passed"),
    firstVerdicts: judged.filter(({ before }) => before === "").length,
    changes: judged
      .filter(({ before, after }) => before !== after)
      .map(({ run_id: runId, ...change }) => ({ runId, ...change })),
  };
}

/**
 * The regrades that were asked for last of a sweep, or of a run.
 * @throws NotFoundError if there are none.
 */
export async function latestRegrades(executor: Executor, name: string): Promise<string[]> {
  const { sweep, run } = await findTarget(executor, name);
  const rows = await selectRows(
    executor,
    z.object({ id: z.string() }),
    sql`
      select id from regrades
      where request_id = (
        select request_id from regrades
        where sweep_id = ${sweep.id} ${run === null ? sql`` : sql`and run_id = ${run.run_id}::bigint`}
        order by requested_at desc limit 1)`,
  );
  if (rows.length === 0) throw new NotFoundError(`nothing of ${name} was graded again yet`);
  return rows.map(({ id }) => id);
}
