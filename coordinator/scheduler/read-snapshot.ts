import { fromJson } from "@bufbuild/protobuf";
import { sql } from "drizzle-orm";
import { z } from "zod";
import { CapabilitiesSchema } from "../../proto/gen/sweep/v1/node_pb.ts";
import type { Queries } from "../store/database.ts";
import { selectRows } from "../store/rows.ts";
import { modelKinds, sandboxModes } from "../sweep-file/definition.ts";
import type { Demand, SchedulableNode, Snapshot } from "./snapshot.ts";

/** Nodes that were not seen for longer are no part of the lab any more. */
const forgottenAfterHours = 24;
/** Runs of one demand that a snapshot lists; enough for all slots of a large lab in one round. */
const listedRuns = 512;

const nodeRow = z.object({
  id: z.string(),
  name: z.string(),
  draining: z.boolean(),
  capabilities: z.json(),
  loaded_model: z.string(),
  busy_slots: z.int(),
  failures_in_a_row: z.int(),
  last_failure_ms: z.number(),
});

const demandRow = z.object({
  sweep_id: z.string(),
  created_ms: z.number(),
  model_name: z.string(),
  model_kind: z.enum(modelKinds),
  model_path: z.string(),
  context_tokens: z.int(),
  key_reference: z.string().nullable(),
  harness: z.string(),
  sandbox: z.enum(sandboxModes),
  toolchains: z.array(z.string()),
  pending: z.int(),
  run_ids: z.array(z.coerce.number().int()),
  seeds: z.array(z.int()),
});

/** Reads the world for the scheduler. `isConnected` tells which nodes have a session here. */
export async function readSnapshot(
  queries: Queries,
  isConnected: (nodeId: string) => boolean,
): Promise<Snapshot> {
  const [nodes, demands] = await Promise.all([
    selectRows(queries, nodeRow, nodesStatement),
    selectRows(queries, demandRow, demandsStatement),
  ]);
  return {
    nodes: nodes.map((row): SchedulableNode => {
      const capabilities = fromJson(CapabilitiesSchema, row.capabilities, {
        ignoreUnknownFields: true,
      });
      return {
        nodeId: row.id,
        name: row.name,
        connected: isConnected(row.id),
        draining: row.draining,
        slots: capabilities.slots,
        busySlots: row.busy_slots,
        loadedModel: row.loaded_model,
        memoryBytes: Number(capabilities.memoryBytes),
        harnesses: capabilities.harnesses.map((harness) => harness.name),
        toolchains: capabilities.toolchains.map((toolchain) => toolchain.name),
        hasLlamaServer: capabilities.llamaServer !== "",
        sandboxHolds: capabilities.sandboxProof?.passed ?? false,
        keyReferences: capabilities.keyReferences,
        models: new Map(
          capabilities.models.map(({ path, sizeBytes, kvBytesPerToken }) => [
            path,
            { sizeBytes: Number(sizeBytes), kvBytesPerToken },
          ]),
        ),
        failuresInARow: row.failures_in_a_row,
        lastFailureAtMs: row.last_failure_ms,
      };
    }),
    demands: demands.map(
      (row): Demand => ({
        sweepId: row.sweep_id,
        sweepCreatedAtMs: row.created_ms,
        modelName: row.model_name,
        modelKind: row.model_kind,
        modelPath: row.model_path,
        contextTokens: row.context_tokens,
        keyReference: row.key_reference,
        harness: row.harness,
        sandbox: row.sandbox,
        toolchains: row.toolchains,
        pending: row.pending,
        runIds: row.run_ids,
        seeds: row.seeds,
      }),
    ),
  };
}

// The model of a lease counts before the one last reported, for its load may have just begun.
const nodesStatement = sql`
  select nodes.id, nodes.name, nodes.draining, nodes.capabilities,
    coalesce(held.model_name, nodes.loaded_model) as loaded_model,
    coalesce(held.slots, 0)::integer as busy_slots,
    failed.in_a_row::integer as failures_in_a_row,
    coalesce(extract(epoch from failed.last_at)::float8 * 1000, 0) as last_failure_ms
  from nodes
  left join lateral (
    select count(*) as slots, max(cells.model_name) as model_name
    from leases join runs on runs.id = leases.run_id join cells on cells.id = runs.cell_id
    where leases.node_id = nodes.id and leases.released_at is null
  ) as held on true
  left join lateral (
    select count(*) as in_a_row, max(attempts.ended_at) as last_at
    from attempts
    where attempts.node_id = nodes.id and attempts.ending in ('infra_error', 'lost', 'refused')
      and attempts.ended_at > coalesce((
        select max(good.ended_at) from attempts as good
        where good.node_id = nodes.id and good.ending in ('completed', 'timeout', 'agent_error')
      ), '-infinity')
  ) as failed on true
  where nodes.last_seen_at > now() - make_interval(hours => ${forgottenAfterHours})
  order by nodes.name`;

const demandsStatement = sql`
  select runs.sweep_id, extract(epoch from sweeps.created_at)::float8 * 1000 as created_ms,
    cells.model_name, models.kind as model_kind, models.path as model_path, models.context_tokens,
    models.hosted->>'keyReference' as key_reference, cells.harness, cells.sandbox,
    tasks.toolchains, count(*)::integer as pending,
    (array_agg(runs.id order by runs.seed, runs.id))[1:${sql.raw(String(listedRuns))}] as run_ids,
    (array_agg(runs.seed order by runs.seed, runs.id))[1:${sql.raw(String(listedRuns))}] as seeds
  from runs
  join cells on cells.id = runs.cell_id
  join models on models.id = cells.model_id
  join tasks on tasks.id = cells.task_id
  join sweeps on sweeps.id = runs.sweep_id
  where runs.state in ('pending', 'unplaceable') and sweeps.state = 'active'
  group by runs.sweep_id, sweeps.created_at, cells.model_name, models.kind, models.path,
    models.context_tokens, models.hosted->>'keyReference', cells.harness, cells.sandbox,
    tasks.toolchains`;
