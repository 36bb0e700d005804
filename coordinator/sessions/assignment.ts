import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { eq, inArray } from "drizzle-orm";
import { type Assignment, AssignmentSchema } from "../../proto/gen/sweep/v1/node_pb.ts";
import {
  HostedApi,
  type HostedEndpointSchema,
  Determinism as WireDeterminism,
  ModelKind as WireModelKind,
  SandboxMode as WireSandboxMode,
} from "../../proto/gen/sweep/v1/run_pb.ts";
import type { Grant } from "../leases/ledger.ts";
import type { Queries } from "../store/database.ts";
import { cells, models, runs, sweeps, tasks } from "../store/schema.ts";
import type { Determinism, HostedModel, ModelKind, SandboxMode } from "../sweep-file/definition.ts";

const wireKinds: Readonly<Record<ModelKind, WireModelKind>> = {
  gguf: WireModelKind.GGUF,
  scripted: WireModelKind.SCRIPTED,
  hosted: WireModelKind.HOSTED,
};

const wireDeterminisms: Readonly<Record<Determinism, WireDeterminism>> = {
  reproducible: WireDeterminism.REPRODUCIBLE,
  throughput: WireDeterminism.THROUGHPUT,
};

const wireSandboxModes: Readonly<Record<SandboxMode, WireSandboxMode>> = {
  strict: WireSandboxMode.STRICT,
  none: WireSandboxMode.NONE,
};

/** What nodes are told of the runs they were granted, by attempt. */
export async function readAssignments(
  queries: Queries,
  grants: readonly Grant[],
): Promise<Map<string, Assignment>> {
  if (grants.length === 0) return new Map();
  const rows = await queries
    .select({
      run: runs,
      cell: cells,
      model: models,
      sweep: sweeps.name,
      publicDigest: tasks.publicBundleDigest,
    })
    .from(runs)
    .innerJoin(cells, eq(cells.id, runs.cellId))
    .innerJoin(models, eq(models.id, cells.modelId))
    .innerJoin(sweeps, eq(sweeps.id, runs.sweepId))
    .innerJoin(tasks, eq(tasks.id, cells.taskId))
    .where(
      inArray(
        runs.id,
        grants.map(({ runId }) => runId),
      ),
    );
  const byRun = new Map(rows.map((row) => [row.run.id, row]));
  const assignments = new Map<string, Assignment>();
  for (const grant of grants) {
    const row = byRun.get(grant.runId);
    if (row === undefined) continue;
    const { run, cell, model } = row;
    const assignment = create(AssignmentSchema, {
      attemptId: grant.attemptId,
      epoch: grant.epoch,
      attemptNumber: grant.attemptNumber,
      run: {
        sweepId: run.sweepId,
        sweepName: row.sweep,
        runId: String(run.id),
        model: {
          name: model.name,
          kind: wireKinds[model.kind],
          path: model.path,
          contextTokens: model.contextTokens,
          sampling: cell.sampling,
          chatTemplatePath: model.chatTemplatePath,
          ...(model.hosted === null ? {} : { hosted: endpointOf(model.hosted) }),
        },
        harness: cell.harness,
        task: cell.taskName,
        taskPublicDigest: row.publicDigest,
        seed: run.seed,
        limits: {
          wallSeconds: cell.wallSeconds,
          outputTokens: cell.outputTokens,
          turns: cell.turns,
        },
        determinism: wireDeterminisms[cell.determinism],
        sandbox: wireSandboxModes[cell.sandbox],
        decoy: cell.decoy,
      },
    });
    assignments.set(grant.attemptId, assignment);
  }
  return assignments;
}

/** Price and rate limit stay with the coordinator, which decides about both. */
function endpointOf(hosted: HostedModel): MessageInitShape<typeof HostedEndpointSchema> {
  return {
    api: hosted.api === "anthropic" ? HostedApi.ANTHROPIC : HostedApi.OPENAI,
    url: hosted.url,
    model: hosted.model,
    keyReference: hosted.keyReference,
  };
}
