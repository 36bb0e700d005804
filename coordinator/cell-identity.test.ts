import { expect, test } from "vitest";
import {
  canonicalForm,
  differencesBetween,
  identityDigest,
  identityOf,
  type SweepTerms,
} from "./cell-identity.ts";
import type { Cell } from "./matrix.ts";
import type { HostedModel } from "./sweep-file/definition.ts";

const cell: Cell = {
  model: {
    label: "Qwen@Q8_0",
    quant: "Q8_0",
    kind: "gguf",
    path: "qwen.gguf",
    contextTokens: 4096,
    sampling: {},
    chatTemplatePath: null,
    hosted: null,
  },
  harness: "pi",
  task: "c1_ring_buffer",
  limits: { wallSeconds: 60, outputTokens: 0, turns: 0 },
  sampling: { temperature: 0.5 },
};
const terms: SweepTerms = { determinism: "reproducible", sandbox: "strict", decoy: false };
const version = { publicDigest: "aa", hiddenDigest: "bb" };
const identity = identityOf(cell, terms, version);

const hosted: HostedModel = {
  api: "openai",
  url: "https://vendor.example",
  model: "large",
  keyReference: "env:KEY",
  price: { inputUsd: 1, cachedInputUsd: 1, outputUsd: 1 },
  rateLimit: { requestsPerMinute: 1, tokensPerMinute: null },
};
const hostedCell: Cell = { ...cell, model: { ...cell.model, hosted } };

const changes: Record<string, [Cell, typeof version, SweepTerms?]> = {
  determinism: [cell, version, { ...terms, determinism: "throughput" }],
  sandbox: [cell, version, { ...terms, sandbox: "none" }],
  "model.chat_template_path": [
    { ...cell, model: { ...cell.model, chatTemplatePath: "own.jinja" } },
    version,
  ],
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
  (field, [changed, changedVersion, changedTerms = terms]) => {
    const other = identityOf(changed, changedTerms, changedVersion);
    expect(identityDigest(other)).not.toBe(identityDigest(identity));
    expect(differencesBetween(identity, other).map((difference) => difference.field)).toEqual([
      field,
    ]);
  },
);

test("a decoy is named where there is one, and changes nothing where there is none", () => {
  const planted = identityOf(cell, { ...terms, decoy: true }, version);
  expect(identityDigest(planted)).not.toBe(identityDigest(identity));
  const named = [{ field: "decoy", left: null, right: "planted" }];
  expect(differencesBetween(identity, planted)).toEqual(named);
  expect(identity.map(([field]) => field)).not.toContain("decoy");
});

test("every fact of an identity has such a change", () => {
  expect(identity.map(([field]) => field).toSorted()).toEqual(
    [
      ...Object.keys(changes),
      "model.hosted_api",
      "model.hosted_model",
      "model.hosted_url",
    ].toSorted(),
  );
});

test("a hosted model differs by its endpoint, not by its key, price or rate limit", () => {
  const differences = (changed: Partial<HostedModel>) => {
    const other = { ...hostedCell, model: { ...cell.model, hosted: { ...hosted, ...changed } } };
    return differencesBetween(
      identityOf(hostedCell, terms, version),
      identityOf(other, terms, version),
    ).map(({ field }) => field);
  };
  expect(differences({ api: "anthropic" })).toEqual(["model.hosted_api"]);
  expect(differences({ model: "small" })).toEqual(["model.hosted_model"]);
  expect(differences({ url: "https://other.example" })).toEqual(["model.hosted_url"]);
  expect(
    differences({
      keyReference: "env:OTHER",
      price: { inputUsd: 2, cachedInputUsd: 2, outputUsd: 2 },
      rateLimit: { requestsPerMinute: 9, tokensPerMinute: 9 },
    }),
  ).toEqual([]);
});

test("equal cells have equal digests, whatever the order of their facts", () => {
  const copy = identityOf(structuredClone(cell), terms, { ...version }).toReversed();
  expect(identityDigest(copy)).toBe(identityDigest(identity));
  expect(differencesBetween(identity, copy)).toEqual([]);
});

test("the digest is the one that stored results carry", () => {
  expect(canonicalForm(identity).split("\n").slice(0, 3)).toEqual([
    '["identity",2]',
    '["determinism","reproducible"]',
    '["harness","pi"]',
  ]);
  expect(identityDigest(identity)).toMatchInlineSnapshot(
    `"59937066908dae349a3442d0a59681a89671872967982b25d1f59f26e3026707"`,
  );
});
