import { describe, expect, it } from "vitest";
import { fit, neededMemory } from "./fit.ts";

const mebibyte = 1024 ** 2;
const gibibyte = 1024 ** 3;
/** What a model of 16 layers with 4 heads of 64 keys and 64 values keeps of a token. */
const values = 16 * 4 * (64 + 64);

describe("the memory that a model needs", () => {
  it.each([
    ["16 bits", 2, 32_768, 512],
    ["q8_0", 34 / 32, 131_072, 1_088],
  ])(
    "has the KV cache in it that llama-server allocates, at %s",
    (_, bytes, contextTokens, mebibytes) => {
      const weights = { sizeBytes: 361_000_000, kvBytesPerToken: values * bytes };
      const cache = neededMemory(weights, contextTokens) - neededMemory(weights, 0);
      expect(cache).toBe(mebibytes * mebibyte);
    },
  );

  it("grows with the weights byte by byte, beside a fixed part", () => {
    const at = (sizeBytes: number) =>
      neededMemory({ sizeBytes, kvBytesPerToken: values * 2 }, 8_192);
    expect(at(40 * gibibyte) - at(10 * gibibyte)).toBe(30 * gibibyte);
    expect(at(0)).toBe(128 * mebibyte + 3 * gibibyte);
  });

  it("is a share of the weights where their metadata is not known", () => {
    const unknown = { sizeBytes: 10 * gibibyte, kvBytesPerToken: 0 };
    expect(neededMemory(unknown, 1_000_000)).toBeCloseTo(13.5 * gibibyte, 0);
  });
});

describe("a node", () => {
  const node = {
    nodeId: "id-a",
    name: "a",
    connected: true,
    draining: false,
    slots: 1,
    busySlots: 0,
    loadedModel: "",
    memoryBytes: 16 * gibibyte,
    harnesses: ["pi"],
    toolchains: ["python3"],
    models: new Map([["m.gguf", { sizeBytes: 10 * gibibyte, kvBytesPerToken: 98_304 }]]),
    hasLlamaServer: true,
    sandboxHolds: true,
    keyReferences: [],
    failuresInARow: 0,
    lastFailureAtMs: 0,
  };
  const demand = {
    modelKind: "gguf",
    modelPath: "m.gguf",
    keyReference: null,
    harness: "pi",
    sandbox: "strict",
    toolchains: ["python3"],
    contextTokens: 8_192,
  } as const;

  it("fits a model with a short context and not with one that takes its memory", () => {
    expect(fit(node, demand)).toEqual({ kind: "fits" });
    expect(fit(node, { ...demand, contextTokens: 131_072 })).toEqual({
      kind: "unfit",
      reason:
        "a has 16.0 GiB of memory, m.gguf needs about 25.0 GiB with a context of 131072 tokens",
    });
  });

  it("needs every toolchain of the task, and else says which it lacks", () => {
    expect(fit(node, { ...demand, toolchains: [] })).toEqual({ kind: "fits" });
    expect(fit(node, { ...demand, toolchains: ["jax", "python3", "torch"] })).toEqual({
      kind: "unfit",
      reason: "a has no jax, torch (`sweep toolchains` there says what was found and what to do)",
    });
  });

  it("needs a llama-server for GGUF weights and for nothing else", () => {
    const without = { ...node, hasLlamaServer: false, keyReferences: ["env:KEY"] };
    expect(fit(without, demand)).toEqual({
      kind: "unfit",
      reason:
        "a has no llama-server that runs; install llama.cpp or set SWEEP_LLAMA_SERVER there, then start its node anew",
    });
    expect(fit(without, { ...demand, modelKind: "scripted" })).toEqual({ kind: "fits" });
    const hosted = {
      ...demand,
      modelKind: "hosted",
      modelPath: "",
      keyReference: "env:KEY",
    } as const;
    expect(fit(without, hosted)).toEqual({ kind: "fits" });
  });
});
