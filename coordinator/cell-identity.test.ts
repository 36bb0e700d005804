import { expect, test } from "vitest";
import { canonicalForm, differencesBetween, identityDigest, identityOf } from "./cell-identity.ts";
import type { Cell } from "./matrix.ts";

const cell: Cell = {
  model: {
    label: "Qwen@Q8_0",
    quant: "Q8_0",
    kind: "gguf",
    path: "qwen.gguf",
    contextTokens: 4096,
    sampling: {},
  },
  harness: "pi",
  task: "c1_ring_buffer",
  limits: { wallSeconds: 60, outputTokens: 0, turns: 0 },
  sampling: { temperature: 0.5 },
};
const version = { publicDigest: "aa", hiddenDigest: "bb" };
const identity = identityOf(cell, version);

const changes: Record<string, [Cell, typeof version]> = {
  model: [{ ...cell, model: { ...cell.model, label: "Qwen@Q4_0" } }, version],
  "model.kind": [{ ...cell, model: { ...cell.model, kind: "scripted" } }, version],
  "model.path": [{ ...cell, model: { ...cell.model, path: "other.gguf" } }, version],
  "model.context_tokens": [{ ...cell, model: { ...cell.model, contextTokens: 8192 } }, version],
  harness: [{ ...cell, harness: "claude" }, version],
  task: [{ ...cell, task: "rs1_arena" }, version],
  "task.public_digest": [cell, { ...version, publicDigest: "cc" }],
  "task.hidden_digest": [cell, { ...version, hiddenDigest: "cc" }],
  "limits.wall_seconds": [{ ...cell, limits: { ...cell.limits, wallSeconds: 61 } }, version],
  "limits.output_tokens": [{ ...cell, limits: { ...cell.limits, outputTokens: 1 } }, version],
  "limits.turns": [{ ...cell, limits: { ...cell.limits, turns: 1 } }, version],
  "sampling.temperature": [{ ...cell, sampling: {} }, version],
  "sampling.top_p": [{ ...cell, sampling: { temperature: 0.5, topP: 0.9 } }, version],
  "sampling.top_k": [{ ...cell, sampling: { temperature: 0.5, topK: 40 } }, version],
  "sampling.min_p": [{ ...cell, sampling: { temperature: 0.5, minP: 0 } }, version],
};

test.each(Object.entries(changes))(
  "a change of %s changes the digest and is named",
  (field, [changed, changedVersion]) => {
    const other = identityOf(changed, changedVersion);
    expect(identityDigest(other)).not.toBe(identityDigest(identity));
    expect(differencesBetween(identity, other).map((difference) => difference.field)).toEqual([
      field,
    ]);
  },
);

test("every fact of an identity has such a change", () => {
  expect(identity.map(([field]) => field).toSorted()).toEqual(Object.keys(changes).toSorted());
});

test("equal cells have equal digests, whatever the order of their facts", () => {
  const copy = identityOf(structuredClone(cell), { ...version }).toReversed();
  expect(identityDigest(copy)).toBe(identityDigest(identity));
  expect(differencesBetween(identity, copy)).toEqual([]);
});

test("the digest is the one that stored results carry", () => {
  expect(canonicalForm(identity).split("\n").slice(0, 3)).toEqual([
    '["identity",1]',
    '["harness","pi"]',
    '["limits.output_tokens",0]',
  ]);
  expect(identityDigest(identity)).toMatchInlineSnapshot(
    `"dc5b2dcd21a06af2a40e39bb3068db35e7478667ab556ed94cc713ecab1ac12a"`,
  );
});
