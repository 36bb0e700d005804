import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { eq } from "drizzle-orm";
import { expect, test } from "vitest";
import type { AttemptParts } from "../../agent-node/attempt-parts.ts";
import { executeAttempt } from "../../agent-node/execute-attempt.ts";
import { takeVendorKeys } from "../../agent-node/hosted/vendor-keys.ts";
import { vendorModels } from "../../agent-node/hosted/vendor-models.ts";
import { LoadedModel } from "../../agent-node/loaded-model.ts";
import { Outbox } from "../../agent-node/outbox/outbox.ts";
import { acceptResult } from "../../coordinator/ingest/accept-result.ts";
import { attempts, runs } from "../../coordinator/store/schema.ts";
import {
  type AttemptResult,
  AttemptResultSchema,
  TraceChunkSchema,
} from "../../proto/gen/sweep/v1/event_pb.ts";
import { AttemptOutcome, SeedUse } from "../../proto/gen/sweep/v1/run_pb.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { platformSandbox } from "../../proto/sandbox/platform-sandbox.ts";
import { loadTask, packPublicHalf } from "../../proto/task/task-folder.ts";
import { attemptParts } from "../support/attempt-parts.ts";
import { aFolder } from "../support/folder.ts";
import { aHostedLab, type HostedLab } from "../support/hosted-lab.ts";
import { database, name1, useLedger } from "../support/ledger.ts";
import { silentLog } from "../support/silent-log.ts";
import { oneModelCall, standInHarness } from "../support/stand-in-harness.ts";
import { type VendorAnswer, vendorDouble } from "../support/vendor-double.ts";

useLedger();

const sandbox = await platformSandbox();
const bundle = await packPublicHalf(await loadTask(join(packageRoot, "tasks/p2_shortest_path")));

interface Attempted {
  readonly result: AttemptResult;
  /** The trace, one JSON object a line. */
  readonly trace: string;
  /** The run after the coordinator took the result in. */
  readonly run: typeof runs.$inferSelect;
}

/** Executes the attempt of the lab's first node as a node does, and takes its result in as the coordinator does. */
async function attempt(
  lab: HostedLab,
  options: { parts?: Partial<AttemptParts>; wallSeconds?: number; harness?: string } = {},
): Promise<Attempted> {
  const [node] = lab.nodes;
  const data = aFolder();
  const outbox = await Outbox.open({ folder: join(data, "outbox"), maxBytes: 1e8, log: silentLog });
  const parts = await attemptParts({
    nodeName: name1,
    dataFolder: data,
    sandbox,
    prepareHarness: standInHarness(() => `${oneModelCall} && echo done > answer.txt`),
    model: new LoadedModel({
      modelFolders: [],
      llamaServerPath: undefined,
      stateFolder: data,
      machineBytes: 0,
      log: silentLog,
    }),
    openVendorModel: node.open,
    fetchBundle: async () => bundle.archive,
    append: (entry) => outbox.append(entry),
    ...options.parts,
  });
  await executeAttempt(
    parts,
    {
      lease: node.lease,
      sweepId: "s",
      runId: "r",
      model: lab.model,
      harness: options.harness ?? "stand-in",
      task: "p2_shortest_path",
      taskPublicDigest: bundle.digest,
      seed: 1,
      limits: { wallSeconds: options.wallSeconds ?? 60, outputTokens: 0, turns: 0 },
      determinism: "reproducible",
      sandbox: "strict",
      decoy: false,
    },
    new AbortController().signal,
  );
  const lines: string[] = [];
  for (const { id, kind } of outbox.entries()) {
    const entry = kind === "trace" ? await outbox.read(id) : null;
    if (entry === null) continue;
    lines.push(gunzipSync(fromBinary(TraceChunkSchema, entry.payload).events).toString("utf8"));
  }
  const kept = await outbox.read(`${node.lease.attemptId}/result`);
  const result = fromBinary(AttemptResultSchema, kept?.payload ?? Buffer.alloc(0));
  await node.settled();
  await database.transact((transaction) =>
    acceptResult(transaction, name1, result, kept?.archive ?? null),
  );
  const [row] = await database.queries
    .select({ run: runs })
    .from(runs)
    .innerJoin(attempts, eq(attempts.runId, runs.id))
    .where(eq(attempts.id, node.lease.attemptId));
  return { result, trace: lines.join("\n"), run: row!.run };
}

const always = (answer: VendorAnswer) => Array.from({ length: 50 }, () => answer);

test("an attempt on a hosted model completes, and its result says what served it", async () => {
  const vendor = await vendorDouble();
  const { result, trace, run } = await attempt(await aHostedLab({ url: vendor.url }));
  expect(result).toMatchObject({
    outcome: AttemptOutcome.COMPLETED,
    usage: { modelCalls: 1, inputTokens: 120n, cachedTokens: 40n, outputTokens: 6n },
    provenance: {
      serverBuild: `vendor-large-1 at ${vendor.url} (openai)`,
      modelDigest: "",
      seedUse: SeedUse.UNVERIFIED,
      policies: expect.arrayContaining(["vendor-sampler", "vendor-services", "vendor-usage"]),
    },
  });
  expect(trace).toContain('"name":"vendor-sampler"');
  expect(run.state).toBe("finished");
});

test("an attempt that meets the spending cap is cancelled, and its run waits without a failure", async () => {
  const vendor = await vendorDouble();
  const lab = await aHostedLab({ url: vendor.url, capUsd: 0.01 });
  const { result, trace, run } = await attempt(lab);
  expect(vendor.asked).toHaveLength(0);
  expect(result.outcome).toBe(AttemptOutcome.CANCELLED);
  expect(result.reason).toContain("the spending cap of $0.01");
  expect(trace).toContain('"limit":"spending"');
  expect(run).toMatchObject({ state: "pending", failures: 0 });
  expect(await lab.sweep()).toMatchObject({ state: "paused" });
});

test("an attempt whose vendor refuses the key is cancelled, and the sweep says why", async () => {
  const vendor = await vendorDouble();
  const lab = await aHostedLab({ url: vendor.url, key: "sk-a-wrong-key" });
  const { result, trace, run } = await attempt(lab);
  expect(result.outcome).toBe(AttemptOutcome.CANCELLED);
  expect(run).toMatchObject({ state: "pending", failures: 0 });
  const { state, pauseReason } = await lab.sweep();
  expect(state).toBe("paused");
  expect(pauseReason).toContain("status 401");
  expect(`${trace}${result.reason}${pauseReason}`).not.toContain("sk-a-wrong-key");
});

test("an attempt whose vendor stays overloaded is an infrastructure failure and repeated", async () => {
  const answer: VendorAnswer = { kind: "error", status: 500 };
  const vendor = await vendorDouble({ answers: always(answer) });
  const { result, run } = await attempt(await aHostedLab({ url: vendor.url }));
  expect(result.outcome).toBe(AttemptOutcome.INFRA_ERROR);
  expect(result.reason).toContain("failed 8 calls in a row: it answered with status 500");
  expect(run).toMatchObject({ state: "pending", failures: 1 });
});

test("an attempt that waits for the rate limit until its time is up is not the model's failure", async () => {
  const vendor = await vendorDouble({
    answers: [{ kind: "error", status: 429, headers: { "retry-after": "600" } }],
  });
  const lab = await aHostedLab({ url: vendor.url });
  const { result, run } = await attempt(lab, { wallSeconds: 2 });
  expect(result.outcome).toBe(AttemptOutcome.INFRA_ERROR);
  expect(result.reason).toMatch(/^the run's 2 seconds were used up, \d of them by waiting/);
  expect(run).toMatchObject({ state: "pending", failures: 1 });
});

test("an attempt on a node without the key says which key, and what to do", async () => {
  const lab = await aHostedLab({ url: "https://vendor.test" });
  const openVendorModel = vendorModels({
    keys: takeVendorKeys([], {}),
    calls: {
      reserve: () => Promise.reject(new Error("nobody may ask")),
      settle: () => Promise.reject(new Error("nobody may ask")),
      settled: () => Promise.resolve(),
    },
    random: () => 0,
    log: silentLog,
  });
  const { result } = await attempt(lab, { parts: { openVendorModel } });
  expect(result.outcome).toBe(AttemptOutcome.INFRA_ERROR);
  expect(result.reason).toContain(
    "this node has no key env:VENDOR_KEY; set the variable and name it in SWEEP_VENDOR_KEYS",
  );
});

test("an attempt with a harness by a template is held to the protocol that this states", async () => {
  const lab = await aHostedLab({ url: "https://vendor.test", api: "openai" });
  const { result } = await attempt(lab, {
    harness: "custom:mine",
    parts: { protocolOf: () => "anthropic-messages" },
  });
  expect(result.outcome).toBe(AttemptOutcome.INFRA_ERROR);
  expect(result.reason).toContain("harness custom:mine speaks anthropic-messages");
});

test("an attempt with a harness that the vendor's protocol does not serve says so before it begins", async () => {
  const lab = await aHostedLab({ url: "https://vendor.test", api: "openai" });
  const { result } = await attempt(lab, { harness: "claude" });
  expect(result.outcome).toBe(AttemptOutcome.INFRA_ERROR);
  expect(result.reason).toContain(
    "harness claude speaks anthropic-messages, and the model's api is openai; exclude this pair",
  );
});
