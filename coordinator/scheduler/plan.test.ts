import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forecast } from "./forecast.ts";
import { plan } from "./plan.ts";
import type { Demand, SchedulableNode, Snapshot } from "./snapshot.ts";

const gibibyte = 1024 ** 3;

function aNode(settings: Partial<SchedulableNode> & { name: string }): SchedulableNode {
  return {
    nodeId: `id-${settings.name}`,
    connected: true,
    draining: false,
    slots: 1,
    busySlots: 0,
    loadedModel: "",
    memoryBytes: 64 * gibibyte,
    harnesses: ["pi", "claude"],
    toolchains: ["cc", "python3"],
    models: new Map([
      ["small.gguf", { sizeBytes: 10 * gibibyte, kvBytesPerToken: 0 }],
      ["large.gguf", { sizeBytes: 80 * gibibyte, kvBytesPerToken: 0 }],
    ]),
    hasLlamaServer: true,
    sandboxHolds: true,
    keyReferences: [],
    failuresInARow: 0,
    lastFailureAtMs: 0,
    ...settings,
  };
}

let nextRunId = 1;
function aDemand(settings: Partial<Demand> & { modelName: string }, runs = 3): Demand {
  const runIds = Array.from({ length: runs }, () => nextRunId++);
  return {
    sweepId: "s1",
    sweepCreatedAtMs: 0,
    modelKind: "gguf",
    modelPath: "small.gguf",
    contextTokens: 32_768,
    keyReference: null,
    sandbox: "strict",
    harness: "pi",
    toolchains: ["python3"],
    pending: runs,
    runIds,
    seeds: runIds.map(() => 1),
    ...settings,
  };
}

const place = (snapshot: Snapshot) =>
  plan(snapshot, 0).assignments.map(({ nodeId, modelName }) => `${nodeId} ${modelName}`);

describe("a plan", () => {
  it("keeps a node on the model it has loaded while runs of it wait", () => {
    const nodes = [aNode({ name: "a", loadedModel: "m2" })];
    const demands = [aDemand({ modelName: "m1" }, 50), aDemand({ modelName: "m2" }, 1)];
    expect(place({ nodes, demands })).toEqual(["id-a m2"]);
  });

  it("gives an idle node a model that no other node serves", () => {
    const nodes = [aNode({ name: "a", loadedModel: "m1", busySlots: 1 }), aNode({ name: "b" })];
    const demands = [aDemand({ modelName: "m1" }, 50), aDemand({ modelName: "m2" }, 2)];
    expect(place({ nodes, demands })).toEqual(["id-b m2"]);
  });

  it("gives runs of a hosted model only to a node with its key, whatever its memory and weights", () => {
    const small = { memoryBytes: 0, models: new Map() };
    const nodes = [
      aNode({ name: "a" }),
      aNode({ name: "b", ...small, keyReferences: ["env:OTHER_KEY", "env:VENDOR_KEY"] }),
    ];
    const hosted = { modelKind: "hosted", modelPath: "", keyReference: "env:VENDOR_KEY" } as const;
    const demands = [aDemand({ modelName: "m1", ...hosted }, 3)];
    expect(place({ nodes, demands })).toEqual(["id-b m1"]);
    const { unmet } = plan({ nodes: nodes.slice(0, 1), demands }, 0);
    expect(unmet).toMatchObject([{ unplaceable: true, reasons: ["a has no key env:VENDOR_KEY"] }]);
  });

  it("gives runs that need a sandbox only to nodes where it is proved to hold", () => {
    const nodes = [aNode({ name: "a", sandboxHolds: false }), aNode({ name: "b" })];
    const unproved = nodes.slice(0, 1);
    const strict = aDemand({ modelName: "m1" }, 1);
    expect(place({ nodes, demands: [strict] })).toEqual(["id-b m1"]);
    expect(place({ nodes: unproved, demands: [{ ...strict, sandbox: "none" }] })).toEqual([
      "id-a m1",
    ]);
    const { unmet } = plan({ nodes: unproved, demands: [strict] }, 0);
    expect(JSON.stringify(unmet)).toContain("the sandbox of a is not proved to hold");
  });

  it("gives runs only to nodes with the toolchains of their tasks", () => {
    const nodes = [aNode({ name: "a" }), aNode({ name: "b", toolchains: ["python3", "torch"] })];
    const demands = [
      aDemand({ modelName: "m1", toolchains: ["python3", "torch"] }, 1),
      aDemand({ modelName: "m1", toolchains: ["cc"] }, 1),
    ];
    expect(
      plan({ nodes, demands }, 0).assignments.map(({ nodeId, runId }) => [nodeId, runId]),
    ).toEqual([
      ["id-a", demands[1]?.runIds[0]],
      ["id-b", demands[0]?.runIds[0]],
    ]);
    const { unmet } = plan({ nodes: nodes.slice(0, 1), demands }, 0);
    expect(unmet).toMatchObject([
      { unplaceable: true, reasons: [expect.stringContaining("a has no torch")] },
    ]);
  });

  it("takes all tasks of a seed before those of the next, whatever toolchains they need", () => {
    const nodes = [aNode({ name: "a", slots: 4 })];
    const seeds = [1, 2];
    const demands = [
      aDemand({ modelName: "m1", toolchains: ["python3"], seeds }, 2),
      aDemand({ modelName: "m1", toolchains: ["cc"], seeds }, 2),
    ];
    const [python = [], c = []] = demands.map(({ runIds }) => runIds);
    expect(plan({ nodes, demands }, 0).assignments.map(({ runId }) => runId)).toEqual([
      c[0],
      python[0],
      c[1],
      python[1],
    ]);
  });

  it("shares the last model over nodes rather than leaving one idle", () => {
    const nodes = [aNode({ name: "a", loadedModel: "m1", busySlots: 1 }), aNode({ name: "b" })];
    expect(place({ nodes, demands: [aDemand({ modelName: "m1" })] })).toEqual(["id-b m1"]);
  });

  it("serves the earlier sweep first", () => {
    const nodes = [aNode({ name: "a" })];
    const demands = [
      aDemand({ modelName: "m1", sweepId: "late", sweepCreatedAtMs: 2 }, 50),
      aDemand({ modelName: "m2", sweepId: "early", sweepCreatedAtMs: 1 }, 1),
    ];
    expect(place({ nodes, demands })).toEqual(["id-a m2"]);
  });

  it("gives nothing to a node that is draining, away or resting", () => {
    const nodes = [
      aNode({ name: "a", draining: true }),
      aNode({ name: "b", connected: false }),
      aNode({ name: "c", failuresInARow: 2, lastFailureAtMs: 0 }),
    ];
    const { assignments, unmet } = plan({ nodes, demands: [aDemand({ modelName: "m1" })] }, 1_000);
    expect(assignments).toEqual([]);
    expect(unmet[0]?.unplaceable).toBe(false);
    expect(unmet[0]?.reasons.join("; ")).toBe(
      "a is draining; b is not connected; c rests for 4 s after 2 attempts in a row that it failed, lost or refused",
    );
  });

  it("lets a node that failed work again after its rest", () => {
    const nodes = [aNode({ name: "c", failuresInARow: 2, lastFailureAtMs: 0 })];
    const demands = [aDemand({ modelName: "m1" })];
    expect(plan({ nodes, demands }, 5_000).assignments).toHaveLength(1);
  });

  it("calls a demand unplaceable only if no node of the lab could ever take it, and says why", () => {
    const nodes = [aNode({ name: "a" }), aNode({ name: "b", models: new Map() })];
    const demands = [aDemand({ modelName: "m1", modelPath: "large.gguf" })];
    const [unmet] = plan({ nodes, demands }, 0).unmet;
    expect(unmet?.unplaceable).toBe(true);
    expect(unmet?.reasons).toEqual([
      "a has 64.0 GiB of memory, large.gguf needs about 94.0 GiB with a context of 32768 tokens",
      "b has no weights large.gguf",
    ]);
  });

  it("does not call a demand unplaceable in a lab without nodes", () => {
    const [unmet] = plan({ nodes: [], demands: [aDemand({ modelName: "m1" })] }, 0).unmet;
    expect(unmet).toMatchObject({ unplaceable: false, reasons: ["no node has joined the lab"] });
  });

  it("is the same for the same snapshot, whatever the order of its lists, and within every bound", () => {
    const nodesArbitrary = fc.uniqueArray(
      fc.record({
        name: fc.constantFrom("a", "b", "c", "d", "e"),
        slots: fc.integer({ min: 1, max: 4 }),
        busySlots: fc.integer({ min: 0, max: 4 }),
        loadedModel: fc.constantFrom("", "m1", "m2", "m3"),
        connected: fc.boolean(),
        draining: fc.boolean(),
        failuresInARow: fc.integer({ min: 0, max: 3 }),
        harnesses: fc.subarray(["pi", "claude"]),
      }),
      { selector: ({ name }) => name },
    );
    const demandsArbitrary = fc.uniqueArray(
      fc.record({
        modelName: fc.constantFrom("m1", "m2", "m3"),
        harness: fc.constantFrom("pi", "claude"),
        sweepId: fc.constantFrom("s1", "s2"),
        toolchains: fc.constantFrom(["cc"], ["cc", "python3"]),
        runs: fc.integer({ min: 1, max: 6 }),
      }),
      { selector: ({ runs: _runs, ...demand }) => JSON.stringify(demand) },
    );
    fc.assert(
      fc.property(nodesArbitrary, demandsArbitrary, (nodeSettings, demandSettings) => {
        const nodes = nodeSettings.map(aNode);
        const demands = demandSettings.map(({ runs, ...settings }) => aDemand(settings, runs));
        const first = plan({ nodes, demands }, 1_000).assignments;
        const second = plan({ nodes: nodes.toReversed(), demands: demands.toReversed() }, 1_000);
        expect(second.assignments).toEqual(first);
        expect(new Set(first.map(({ runId }) => runId)).size).toBe(first.length);
        for (const node of nodes) {
          const given = first.filter(({ nodeId }) => nodeId === node.nodeId).length;
          expect(given).toBeLessThanOrEqual(Math.max(0, node.slots - node.busySlots));
          if (!node.connected || node.draining) expect(given).toBe(0);
        }
      }),
    );
  });
});

describe("a forecast", () => {
  it("gives each model to one node while there are enough models, and every run to somebody", () => {
    const nodes = [aNode({ name: "a" }), aNode({ name: "b" })];
    const demands = [aDemand({ modelName: "m1" }, 6), aDemand({ modelName: "m2" }, 6)];
    const { nodes: forecasts, unplaceable } = forecast(nodes, demands);
    expect(forecasts).toEqual([
      { nodeName: "a", models: ["m1"], runs: 6 },
      { nodeName: "b", models: ["m2"], runs: 6 },
    ]);
    expect(unplaceable).toEqual([]);
  });

  it("names what no node can take", () => {
    const { nodes, unplaceable } = forecast(
      [aNode({ name: "a" })],
      [aDemand({ modelName: "m1", harness: "aider" })],
    );
    expect(nodes[0]?.runs).toBe(0);
    expect(unplaceable[0]?.reasons).toEqual(["a has no harness aider installed"]);
  });
});
