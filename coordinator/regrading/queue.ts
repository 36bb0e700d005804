import { sql } from "drizzle-orm";
import type { Transaction } from "../store/database.ts";

/**
 * Adds a grade to a regrade for each accepted workspace that it does not have yet; answers how many.
 * A run whose first verdict is still to come is left out: its workspace is about to be graded anyway.
 * The verdict that counts now is what the new one is compared to.
 */
export async function queueRegrades(transaction: Transaction, regradeId: string): Promise<number> {
  const lacking = sql`
    select runs.id as run_id, runs.accepted_attempt_id as attempt_id, regrades.task_id
    from regrades
    join tasks on tasks.id = regrades.task_id
    join cells on cells.sweep_id = regrades.sweep_id and cells.task_name = tasks.name
    join runs on runs.cell_id = cells.id and runs.id = coalesce(regrades.run_id, runs.id)
    join attempts on attempts.id = runs.accepted_attempt_id
    where regrades.id = ${regradeId}
      and runs.state in ('graded', 'exhausted')
      and attempts.ending = 'completed' and attempts.workspace_digest is not null
      and not exists (
        select from grades
        where grades.regrade_id = regrades.id and grades.attempt_id = attempts.id)`;
  // In the order of identifiers, as every other batch of locks; their attempts' grades are numbered.
  await transaction.execute(
    sql`select from runs where id in (select run_id from (${lacking}) as lacking)
        order by id for update`,
  );
  const queued = await transaction.execute(sql`
    insert into grades (id, attempt_id, task_id, number, regrade_id, baseline_id)
    select gen_random_uuid(), lacking.attempt_id, lacking.task_id,
      (select coalesce(max(number), 0) + 1 from grades where grades.attempt_id = lacking.attempt_id),
      ${regradeId}, run_results.grade_id
    from (${lacking}) as lacking
    join run_results on run_results.run_id = lacking.run_id`);
  return queued.count;
}
