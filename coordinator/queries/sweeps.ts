import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { eq, inArray, or, sql } from "drizzle-orm";
import { z } from "zod";
import {
  type RunCounts,
  RunCountsSchema,
  SweepState,
  type SweepSummarySchema,
} from "../../proto/gen/sweep/v1/operator_pb.ts";
import { isIdentifier } from "../../proto/identifiers.ts";
import { runStates } from "../run-state.ts";
import { type Executor, selectRows } from "../store/rows.ts";
import { type SweepStateName, sweeps } from "../store/schema.ts";
import { NotFoundError } from "./errors.ts";

/** A row of the table of sweeps. */
export type SweepRow = typeof sweeps.$inferSelect;

/**
 * The sweep of this name or identifier.
 * @throws NotFoundError
 */
export async function findSweep(executor: Executor, nameOrId: string): Promise<SweepRow> {
  const byName = eq(sweeps.name, nameOrId);
  const [row] = await executor
    .select()
    .from(sweeps)
    .where(isIdentifier(nameOrId) ? or(byName, eq(sweeps.id, nameOrId)) : byName);
  if (row === undefined) {
    throw new NotFoundError(`there is no sweep "${nameOrId}"; \`sweep list\` shows them`);
  }
  return row;
}

/** All sweeps, newest first, with their runs counted. */
export async function listSweeps(
  executor: Executor,
): Promise<MessageInitShape<typeof SweepSummarySchema>[]> {
  const rows = await executor
    .select()
    .from(sweeps)
    .orderBy(sql`${sweeps.createdAt} desc`, sweeps.name);
  const ids = rows.map(({ id }) => id);
  const [counts, spent] = await Promise.all([countRuns(executor, ids), sumSpent(executor, ids)]);
  return rows.map((row) => summaryOf(row, counts, spent));
}

/** A sweep as operators see it. */
export async function summarizeSweep(
  executor: Executor,
  row: SweepRow,
): Promise<MessageInitShape<typeof SweepSummarySchema>> {
  const [counts, spent] = await Promise.all([
    countRuns(executor, [row.id]),
    sumSpent(executor, [row.id]),
  ]);
  return summaryOf(row, counts, spent);
}

function summaryOf(
  row: SweepRow,
  counts: ReadonlyMap<string, RunCounts>,
  spent: ReadonlyMap<string, number>,
): MessageInitShape<typeof SweepSummarySchema> {
  return {
    sweepId: row.id,
    name: row.name,
    state: stateNumbers[row.state],
    createdAt: timestampFromDate(row.createdAt),
    counts: counts.get(row.id) ?? create(RunCountsSchema),
    pauseReason: row.pauseReason,
    ...(row.spendingCapUsd === null ? {} : { spendingCapUsd: row.spendingCapUsd }),
    spentUsd: spent.get(row.id) ?? 0,
  };
}

const stateNumbers: Record<SweepStateName, SweepState> = {
  active: SweepState.ACTIVE,
  paused: SweepState.PAUSED,
  cancelled: SweepState.CANCELLED,
  completed: SweepState.COMPLETED,
};

/** US dollars of each sweep that called hosted models; calls that are not settled count at their most. */
async function sumSpent(
  executor: Executor,
  sweepIds: readonly string[],
): Promise<Map<string, number>> {
  if (sweepIds.length === 0) return new Map();
  const rows = await selectRows(
    executor,
    z.object({ sweep_id: z.string(), usd: z.number() }),
    sql`select sweep_id, sum(coalesce(usd, reserved_usd))::float8 as usd
        from hosted_calls where ${inArray(sql`sweep_id`, [...sweepIds])} group by sweep_id`,
  );
  return new Map(rows.map(({ sweep_id, usd }) => [sweep_id, usd]));
}

const countRow = z.object({
  sweep_id: z.string(),
  state: z.enum(runStates),
  runs: z.int(),
  passed: z.int(),
  timeouts: z.int(),
});

async function countRuns(
  executor: Executor,
  sweepIds: readonly string[],
): Promise<Map<string, RunCounts>> {
  const counted = new Map<string, RunCounts>();
  if (sweepIds.length === 0) return counted;
  const rows = await selectRows(
    executor,
    countRow,
    sql`select sweeps.id as sweep_id, run_results.state, count(*)::integer as runs,
          (count(*) filter (where passed))::integer as passed,
          (count(*) filter (where outcome = 'timeout'))::integer as timeouts
        from run_results join sweeps on sweeps.name = run_results.sweep
        where ${inArray(sql`sweeps.id`, [...sweepIds])}
        group by sweeps.id, run_results.state`,
  );
  for (const row of rows) {
    const counts = counted.get(row.sweep_id) ?? create(RunCountsSchema);
    counted.set(row.sweep_id, counts);
    counts.total += row.runs;
    counts[row.state] = row.runs;
    if (row.state !== "graded") continue;
    counts.passed = row.passed;
    counts.failed = row.runs - row.passed;
    counts.timeouts = row.timeouts;
  }
  return counted;
}
