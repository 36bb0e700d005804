import type { MessageInitShape } from "@bufbuild/protobuf";
import { sql } from "drizzle-orm";
import { z } from "zod";
import type { GetSweepStatusResponseSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { endStates } from "../run-state.ts";
import { plan } from "../scheduler/plan.ts";
import { readSnapshot } from "../scheduler/read-snapshot.ts";
import type { Queries } from "../store/database.ts";
import { selectRows } from "../store/rows.ts";
import { findSweep, summarizeSweep } from "./sweeps.ts";

/** A sweep with its progress, per node and in time, and why runs wait. */
export async function readSweepStatus(
  queries: Queries,
  nameOrId: string,
  isConnected: (nodeId: string) => boolean,
  nowMs: number,
): Promise<MessageInitShape<typeof GetSweepStatusResponseSchema>> {
  const sweep = await findSweep(queries, nameOrId);
  const [summary, nodes, pace, snapshot] = await Promise.all([
    summarizeSweep(queries, sweep),
    readNodeProgress(queries, sweep.id),
    readPace(queries, sweep.id),
    readSnapshot(queries, isConnected),
  ]);
  const { unmet } = plan(snapshot, nowMs);
  return {
    sweep: summary,
    nodes: nodes.map((node) => ({
      nodeName: node.name,
      connected: isConnected(node.id),
      loadedModel: node.loaded_model,
      ended: node.ended,
      running: node.running,
    })),
    ...(pace.eta_seconds === null ? {} : { etaSeconds: pace.eta_seconds }),
    infraFailures: pace.infra_failures,
    waiting: unmet
      .filter(({ demand }) => demand.sweepId === sweep.id)
      .map(({ demand, reasons }) => ({
        model: demand.modelName,
        harness: demand.harness,
        runs: demand.pending,
        reasons: [...reasons],
      })),
  };
}

const nodeRow = z.object({
  id: z.string(),
  name: z.string(),
  loaded_model: z.string(),
  ended: z.int(),
  running: z.array(z.string()),
});

function readNodeProgress(queries: Queries, sweepId: string) {
  return selectRows(
    queries,
    nodeRow,
    sql`select nodes.id, nodes.name, nodes.loaded_model,
          (select count(*)::integer from attempts join runs on runs.id = attempts.run_id
            where attempts.node_id = nodes.id and runs.sweep_id = ${sweepId}
              and runs.accepted_attempt_id = attempts.id) as ended,
          array(select cells.model_name || ' ' || cells.harness || ' ' || cells.task_name || ' seed ' || runs.seed
            from leases join runs on runs.id = leases.run_id join cells on cells.id = runs.cell_id
            where leases.node_id = nodes.id and leases.released_at is null and runs.sweep_id = ${sweepId}
            order by runs.id) as running
        from nodes order by nodes.name`,
  );
}

const ends = sql.raw(endStates.map((state) => `'${state}'`).join(", "));

const paceRow = z.object({ eta_seconds: z.number().nullable(), infra_failures: z.int() });

/** Older ends say nothing of the present pace: a sweep may have been paused, or amended days later. */
const paceWindow = "1 hour";

/** The present pace is that of the runs that ended in the window, from its first grant to now. */
async function readPace(queries: Queries, sweepId: string): Promise<z.infer<typeof paceRow>> {
  const [row] = await selectRows(
    queries,
    paceRow,
    sql`with counted as (
          select count(*) filter (where state in (${ends}) and changed_at > now() - ${paceWindow}::interval)
                   as ended,
                 count(*) filter (where state not in (${ends})) as open
          from runs where sweep_id = ${sweepId}
        ), granted as (
          select coalesce(
                   min(attempts.granted_at) filter (where attempts.granted_at > now() - ${paceWindow}::interval),
                   now() - ${paceWindow}::interval) as first_at,
                 count(*) filter (where attempts.ending in ('infra_error', 'lost'))::integer as infra_failures
          from attempts join runs on runs.id = attempts.run_id where runs.sweep_id = ${sweepId}
        )
        select (extract(epoch from now() - granted.first_at) / nullif(counted.ended, 0) * counted.open)::float8
            as eta_seconds, granted.infra_failures
        from counted, granted`,
  );
  return row ?? { eta_seconds: null, infra_failures: 0 };
}
