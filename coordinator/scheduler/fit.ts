import { missingToolchains } from "../../proto/toolchain/manifest.ts";
import type { Demand, HeldWeights, SchedulableNode } from "./snapshot.ts";

/** Of weights whose metadata nobody has read, a share of their size stands for KV cache and compute buffer. */
const memoryPerWeightByte = 1.15;
/** Logits of a micro-batch of 512 tokens over a vocabulary of 262 144, the largest in use, twice. */
const computeBytes = 1024 ** 3;
/** Left to the system and the harness. */
const reservedBytes = 2 * 1024 ** 3;

/**
 * Memory that a node needs to serve weights with a context, in bytes. By llama.cpp's own reckoning,
 * each attention layer keeps keys and values of every token:
 *
 *     weights + context x sum over layers of heads x (key length + value length) x bytes per value
 *             + compute buffer + what is left to the system
 *
 * The sum is `kvBytesPerToken`, which the node worked out from the weights' metadata. Only a first
 * sieve: before it loads, the node asks llama.cpp itself.
 */
export function neededMemory(
  { sizeBytes, kvBytesPerToken }: HeldWeights,
  contextTokens: number,
): number {
  return kvBytesPerToken === 0
    ? sizeBytes * memoryPerWeightByte + reservedBytes
    : sizeBytes + kvBytesPerToken * contextTokens + computeBytes + reservedBytes;
}

/** Whether a node could ever execute such runs, and if not, the first reason why not. */
export type Fit = { readonly kind: "fits" } | { readonly kind: "unfit"; readonly reason: string };

/** Judges a node by what it has, not by what it is doing. */
export function fit(
  node: SchedulableNode,
  demand: Pick<
    Demand,
    | "modelKind"
    | "modelPath"
    | "contextTokens"
    | "keyReference"
    | "harness"
    | "sandbox"
    | "toolchains"
  >,
): Fit {
  if (!node.harnesses.includes(demand.harness)) {
    return unfit(`${node.name} has no harness ${demand.harness} installed`);
  }
  if (demand.sandbox === "strict" && !node.sandboxHolds) {
    return unfit(
      `the sandbox of ${node.name} is not proved to hold (\`sweep doctor --sandbox\` there says why)`,
    );
  }
  const missing = missingToolchains(
    demand.toolchains,
    node.toolchains.map((name) => ({ name })),
  );
  if (missing !== null) return unfit(`${node.name} has ${missing}`);
  // A vendor's model needs neither weights nor memory here.
  if (demand.keyReference !== null) {
    return node.keyReferences.includes(demand.keyReference)
      ? { kind: "fits" }
      : unfit(`${node.name} has no key ${demand.keyReference}`);
  }
  if (demand.modelKind === "gguf" && !node.hasLlamaServer) {
    return unfit(
      `${node.name} has no llama-server that runs; install llama.cpp or set SWEEP_LLAMA_SERVER there, then start its node anew`,
    );
  }
  const weights = node.models.get(demand.modelPath);
  if (weights === undefined) {
    return unfit(`${node.name} has no weights ${demand.modelPath}`);
  }
  const neededBytes = neededMemory(weights, demand.contextTokens);
  if (neededBytes > node.memoryBytes) {
    return unfit(
      `${node.name} has ${gibibytes(node.memoryBytes)} of memory, ${demand.modelPath} needs about ` +
        `${gibibytes(neededBytes)} with a context of ${demand.contextTokens} tokens`,
    );
  }
  return { kind: "fits" };
}

function gibibytes(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}

function unfit(reason: string): Fit {
  return { kind: "unfit", reason };
}
