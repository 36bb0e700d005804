import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PlanSweepResponseSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { cellsOf, runsOf } from "../matrix.ts";
import { forecast } from "../scheduler/forecast.ts";
import type { Demand, SchedulableNode } from "../scheduler/snapshot.ts";
import type { SweepReading } from "./sweep-reader.ts";

/**
 * What a sweep would be and where its runs would go. Placement is counted without nodes, too: every
 * demand is then unplaced for want of a node.
 */
export function planMessage(
  reading: SweepReading,
  nodes: readonly SchedulableNode[],
): MessageInitShape<typeof PlanSweepResponseSchema> {
  const { sweep, missingTasks } = reading;
  const cells = cellsOf(sweep);
  const demands = demandsOf(reading);
  const { nodes: forecasts, unplaceable } = forecast(nodes, demands);
  return {
    sweepName: sweep.name,
    models: new Set(cells.map(({ model }) => model.label)).size,
    harnesses: new Set(cells.map(({ harness }) => harness)).size,
    tasks: new Set(cells.map(({ task }) => task)).size,
    seeds: sweep.seeds.length,
    cells: cells.length,
    runs: cells.length * sweep.seeds.length,
    nodes: forecasts.map(({ nodeName, models, runs }) => ({ nodeName, models: [...models], runs })),
    unplaceable: unplaceable.map(({ demand, reasons }) => ({
      model: demand.modelName,
      harness: demand.harness,
      runs: demand.pending,
      reasons: [...reasons],
    })),
    missingTasks: [...missingTasks],
  };
}

/** The runs of a sweep grouped as the scheduler sees them; run numbers are places in the matrix. */
function demandsOf({ sweep, toolchains: needs }: SweepReading): Demand[] {
  const demands = new Map<
    string,
    { demand: Omit<Demand, "pending" | "runIds" | "seeds">; runIds: number[]; seeds: number[] }
  >();
  for (const [index, { cell, seed }] of runsOf(sweep).entries()) {
    const toolchains = needs.get(cell.task) ?? [];
    const key = JSON.stringify([cell.model.label, cell.harness, toolchains]);
    const group = demands.get(key) ?? {
      demand: {
        sweepId: "",
        sweepCreatedAtMs: 0,
        modelName: cell.model.label,
        modelKind: cell.model.kind,
        modelPath: cell.model.path,
        contextTokens: cell.model.contextTokens,
        keyReference: cell.model.hosted?.keyReference ?? null,
        harness: cell.harness,
        sandbox: sweep.sandbox,
        toolchains,
      },
      runIds: [],
      seeds: [],
    };
    group.runIds.push(index);
    group.seeds.push(seed);
    demands.set(key, group);
  }
  return [...demands.values()].map(({ demand, runIds, seeds }) => ({
    ...demand,
    runIds,
    seeds,
    pending: runIds.length,
  }));
}
