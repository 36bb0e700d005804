import type { MessageInitShape } from "@bufbuild/protobuf";
import { sql } from "drizzle-orm";
import { z } from "zod";
import type {
  CombinationResultSchema,
  MixedTaskSchema,
} from "../../proto/gen/sweep/v1/operator_pb.ts";
import { contamination } from "../stats/contamination.ts";
import { wilson } from "../stats/wilson.ts";
import { type Executor, selectRows } from "../store/rows.ts";

const row = z.object({
  model: z.string(),
  harness: z.string(),
  planned: z.int(),
  valid: z.int(),
  passed: z.int(),
  timeouts: z.int(),
  mean_seconds: z.number().nullable(),
  sandbox: z.string(),
  reached: z.int(),
  reached_passed: z.int(),
  unaudited: z.int(),
});

/**
 * Each (model, harness) of a sweep over its tasks and seeds. Runs whose agent reached the grader count
 * as failed; what they would be under other conventions stands beside it. The interval is Wilson's over all valid
 * runs, which is right for one seed a task and too narrow for more; a later part of the report
 * replaces it by one that knows of tasks.
 */
export async function readCombinationResults(
  executor: Executor,
  sweepName: string,
): Promise<MessageInitShape<typeof CombinationResultSchema>[]> {
  const rows = await selectRows(
    executor,
    row,
    sql`select model, harness, sum(planned)::integer as planned, sum(valid)::integer as valid,
          sum(passed)::integer as passed, sum(timeouts)::integer as timeouts,
          sum(reached)::integer as reached, sum(reached_passed)::integer as reached_passed,
          sum(unaudited)::integer as unaudited,
          (sum(mean_seconds * valid) / nullif(sum(valid), 0))::float8 as mean_seconds,
          (select string_agg(distinct cells.sandbox, ', ')
            from cells join sweeps on sweeps.id = cells.sweep_id
            where sweeps.name = ${sweepName} and cells.model_name = cell_results.model
              and cells.harness = cell_results.harness) as sandbox
        from cell_results where sweep = ${sweepName}
        group by model, harness order by model, harness`,
  );
  return rows.map(({ mean_seconds: meanSeconds, reached_passed: reachedPassed, ...counts }) => {
    const interval = wilson(counts.passed, counts.valid);
    const rates = contamination({
      runs: counts.valid,
      passed: counts.passed + reachedPassed,
      reached: counts.reached,
      reachedPassed,
    });
    return {
      ...counts,
      reachedPassed,
      ...(interval === null ? {} : { rateLower: interval.lower, rateUpper: interval.upper }),
      ...(meanSeconds === null ? {} : { meanSeconds }),
      ...(rates.asMeasured === null ? {} : { rateAsMeasured: rates.asMeasured }),
      ...(rates.excluded === null ? {} : { rateExcluded: rates.excluded }),
      ...(rates.boundLow === null ? {} : { rateBoundLow: rates.boundLow }),
      ...(rates.boundHigh === null ? {} : { rateBoundHigh: rates.boundHigh }),
    };
  });
}

const mixedRow = z.object({
  task: z.string(),
  public_digest: z.string(),
  hidden_digest: z.string(),
  combinations: z.array(z.string()),
});

/** Tasks of which the sweep's cells have several versions: their numbers are not comparable. */
export async function readMixedTasks(
  executor: Executor,
  sweepName: string,
): Promise<MessageInitShape<typeof MixedTaskSchema>[]> {
  const rows = await selectRows(
    executor,
    mixedRow,
    sql`select cells.task_name as task, tasks.public_digest, tasks.hidden_digest,
          array_agg(cells.model_name || ' x ' || cells.harness order by cells.id) as combinations
        from cells
        join tasks on tasks.id = cells.task_id
        join sweeps on sweeps.id = cells.sweep_id
        where sweeps.name = ${sweepName} and cells.task_name in (
          select cells.task_name from cells join sweeps on sweeps.id = cells.sweep_id
          where sweeps.name = ${sweepName}
          group by cells.task_name having count(distinct cells.task_id) > 1)
        group by cells.task_name, tasks.id
        order by cells.task_name, min(cells.id)`,
  );
  return [...new Set(rows.map(({ task }) => task))].map((task) => ({
    task,
    versions: rows
      .filter((version) => version.task === task)
      .map(({ public_digest, hidden_digest, combinations }) => ({
        publicDigest: public_digest,
        hiddenDigest: hidden_digest,
        combinations,
      })),
  }));
}
