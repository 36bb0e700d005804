import type { MessageInitShape } from "@bufbuild/protobuf";
import { type SQL, sql } from "drizzle-orm";
import { z } from "zod";
import type { RunRowSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { auditClasses } from "../audit/finding.ts";
import { runStates } from "../run-state.ts";
import { type Executor, selectRows } from "../store/rows.ts";
import { NotFoundError, RefusedError } from "./errors.ts";

const runRow = z.object({
  run_id: z.coerce.string(),
  sweep: z.string(),
  model: z.string(),
  harness: z.string(),
  task: z.string(),
  seed: z.int(),
  state: z.string(),
  outcome: z.string().nullable(),
  agent_seconds: z.number().nullable(),
  attempts: z.int(),
  node: z.string().nullable(),
  reason: z.string(),
  attempt_id: z.string().nullable(),
  task_public_digest: z.string(),
  task_hidden_digest: z.string(),
  audit: z.enum(auditClasses).nullable(),
  grade_id: z.string().nullable(),
});

/** A row of the view `run_results`, as far as operators see it. */
export type RunResult = z.infer<typeof runRow>;

/** Which runs of a sweep to list; an empty text is no condition. */
export interface RunFilter {
  readonly model: string;
  readonly harness: string;
  readonly task: string;
  readonly state: string;
}

/**
 * Runs of a sweep in the order of their identifiers.
 * @throws RefusedError for a state that does not exist.
 */
export async function listRuns(
  executor: Executor,
  sweepName: string,
  filter: RunFilter,
): Promise<RunResult[]> {
  if (filter.state !== "" && !runStates.some((state) => state === filter.state)) {
    throw new RefusedError(
      `there is no state "${filter.state}"; accepted: ${runStates.join(", ")}`,
    );
  }
  const conditions: SQL[] = [sql`sweep = ${sweepName}`];
  if (filter.model !== "") conditions.push(sql`model = ${filter.model}`);
  if (filter.harness !== "") conditions.push(sql`harness = ${filter.harness}`);
  if (filter.task !== "") conditions.push(sql`task = ${filter.task}`);
  if (filter.state !== "") conditions.push(sql`state = ${filter.state}`);
  return selectRows(
    executor,
    runRow,
    sql`select * from run_results where ${sql.join(conditions, sql` and `)} order by run_id`,
  );
}

/**
 * One run.
 * @throws NotFoundError
 */
export async function findRun(executor: Executor, runId: string): Promise<RunResult> {
  const [row] = /^\d{1,15}$/.test(runId)
    ? await selectRows(
        executor,
        runRow,
        sql`select * from run_results where run_id = ${runId}::bigint`,
      )
    : [];
  if (row === undefined) {
    throw new NotFoundError(`there is no run "${runId}"; \`sweep runs SWEEP\` shows their numbers`);
  }
  return row;
}

/** A run as it travels to an operator. */
export function runRowMessage(row: RunResult): MessageInitShape<typeof RunRowSchema> {
  return {
    runId: row.run_id,
    model: row.model,
    harness: row.harness,
    task: row.task,
    seed: row.seed,
    state: row.state,
    outcome: row.outcome ?? "",
    ...(row.agent_seconds === null ? {} : { agentSeconds: row.agent_seconds }),
    attempts: row.attempts,
    nodeName: row.node ?? "",
    reason: row.reason,
    audit: row.audit ?? "",
  };
}
