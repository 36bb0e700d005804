import { create } from "@bufbuild/protobuf";
import { eq, inArray } from "drizzle-orm";
import { type Assignment, AssignmentSchema } from "../../proto/gen/sweep/v1/node_pb.ts";
import { ModelKind } from "../../proto/gen/sweep/v1/run_pb.ts";
import type { Grant } from "../leases/ledger.ts";
import type { Queries } from "../store/database.ts";
import { cells, models, runs, sweeps, tasks } from "../store/schema.ts";

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
          kind: model.kind === "gguf" ? ModelKind.GGUF : ModelKind.SCRIPTED,
          path: model.path,
          contextTokens: model.contextTokens,
          sampling: cell.sampling,
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
      },
    });
    assignments.set(grant.attemptId, assignment);
  }
  return assignments;
}
