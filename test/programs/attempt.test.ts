import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Attempt } from "../../agent-node/attempt.ts";
import type { AttemptParts, PrepareHarness } from "../../agent-node/attempt-parts.ts";
import { decoyCanaries } from "../../agent-node/decoy.ts";
import { AttemptStopped, executeAttempt } from "../../agent-node/execute-attempt.ts";
import { installHarness } from "../../agent-node/harness/installation.ts";
import { LoadedModel, type WantedModel } from "../../agent-node/loaded-model.ts";
import { Outbox } from "../../agent-node/outbox/outbox.ts";
import { harnessPreparation } from "../../agent-node/prepare-harness.ts";
import { auditTrace } from "../../coordinator/audit/classify.ts";
import { loadAuditRules } from "../../coordinator/audit/load-rules.ts";
import { unpackArchive } from "../../proto/archive.ts";
import {
  type AttemptResult,
  AttemptResultSchema,
  TraceChunkSchema,
} from "../../proto/gen/sweep/v1/event_pb.ts";
import { AttemptOutcome } from "../../proto/gen/sweep/v1/run_pb.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { platformSandbox } from "../../proto/sandbox/platform-sandbox.ts";
import { halfLimits, loadTask, packPublicHalf } from "../../proto/task/task-folder.ts";
import { findToolchains } from "../../proto/toolchains.ts";
import { type TraceEventBody, traceEventSchema } from "../../proto/trace-event.ts";
import { attemptParts } from "../support/attempt-parts.ts";
import { oneModelCall, standInHarness } from "../support/stand-in-harness.ts";

const log = pino({ level: "silent" });
const sandbox = await platformSandbox();
const bundle = await packPublicHalf(await loadTask(join(packageRoot, "tasks/p2_shortest_path")));
let data: string;
let model: LoadedModel;
let outbox: Outbox;

beforeAll(async () => {
  const stateFolder = await mkdtemp(join(tmpdir(), "run-model-"));
  const modelFolders = [join(packageRoot, "deploy/demo/models")];
  model = new LoadedModel({
    modelFolders,
    llamaServerPath: undefined,
    stateFolder,
    machineBytes: totalmem(),
    log,
  });
});
afterAll(async () => {
  await model.stop();
});
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "run-"));
  outbox = await Outbox.open({ folder: join(data, "outbox"), maxBytes: 100_000_000, log });
});
afterEach(async () => {
  await rm(data, { recursive: true });
});

function aModel(contextTokens: number): WantedModel {
  const path = "scripted-steady.yaml";
  return {
    name: "steady",
    kind: "scripted",
    path,
    contextTokens,
    sampling: {},
    chatTemplatePath: null,
  };
}

function anAttempt(limits: Partial<Attempt["limits"]> = {}): Attempt {
  return {
    lease: { attemptId: "attempt-1", epoch: 7 },
    sweepId: "s",
    runId: "r",
    model: aModel(8_192),
    harness: "stand-in",
    task: "p2_shortest_path",
    taskPublicDigest: bundle.digest,
    seed: 1,
    limits: { wallSeconds: 60, outputTokens: 0, turns: 0, ...limits },
    determinism: "reproducible",
    sandbox: "strict",
    decoy: false,
  };
}

interface Executed {
  readonly result: AttemptResult;
  readonly texts: string[];
  readonly archive: Buffer | null;
}

async function execute(
  script: string,
  options: {
    attempt?: Attempt;
    stop?: AbortSignal;
    parts?: Partial<AttemptParts>;
    started?: () => void;
  } = {},
): Promise<Executed> {
  const { attempt = anAttempt(), stop = new AbortController().signal, started } = options;
  const parts = await attemptParts({
    dataFolder: data,
    sandbox,
    prepareHarness: standInHarness(() => script),
    model,
    fetchBundle: async () => bundle.archive,
    append: (entry) => outbox.append(entry),
    started: () => started?.(),
    traceBytes: 1_000_000,
    log,
    ...options.parts,
  });
  await executeAttempt(parts, attempt, stop);
  const texts: string[] = [];
  for (const { id } of outbox.entries().filter(({ kind }) => kind === "trace")) {
    const chunk = fromBinary(TraceChunkSchema, (await outbox.read(id))?.payload ?? Buffer.alloc(0));
    texts.push(...gunzipSync(chunk.events).toString("utf8").trimEnd().split("\n"));
  }
  const read = await outbox.read(`${attempt.lease.attemptId}/result`);
  const result = fromBinary(AttemptResultSchema, read?.payload ?? Buffer.alloc(0));
  return { result, texts, archive: read?.archive ?? null };
}

describe("executing an attempt", () => {
  test("that completes keeps its workspace, trace, usage and provenance", async () => {
    const started = vi.fn<() => void>();
    const { result, texts, archive } = await execute(`${oneModelCall} && echo done > answer.txt`, {
      started,
    });
    expect(result).toMatchObject({
      entryId: "attempt-1/result",
      epoch: 7,
      nodeId: "n",
      outcome: AttemptOutcome.COMPLETED,
      exitCode: 0,
      traceEvents: texts.length,
      usage: { modelCalls: 1 },
      provenance: {
        nodeName: "a",
        harnessVersion: "1.2.3",
        harnessConfigDigest: "c".repeat(64),
        modelDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
        serverBuild: expect.stringMatching(/./),
        sandbox: sandbox.name,
        policies: ["telemetry", "whole-answers"],
      },
    });
    expect(result.agentSeconds).toBeGreaterThan(0);
    expect(result.provenance?.serverArguments).toContain("--alias");
    expect(texts.join("\n")).toContain('"kind":"model_call"');
    expect(started).toHaveBeenCalledOnce();
    const unpacked = await mkdtemp(join(tmpdir(), "run-workspace-"));
    await unpackArchive(archive ?? Buffer.alloc(0), unpacked, halfLimits);
    expect(await readdir(unpacked)).toContain("answer.txt");
    await rm(unpacked, { recursive: true });
  });

  test("leaves nothing of it on disk, and the model loaded", async () => {
    await execute("touch file && chmod 000 .");
    expect(await readdir(join(data, "attempts"))).toEqual([]);
    expect(model.name).toBe("steady");
  });

  test("that reaches its wall limit is a timeout and keeps its workspace", async () => {
    const attempt = anAttempt({ wallSeconds: 1 });
    const { result, texts } = await execute("sleep 1000", { attempt });
    expect(result.outcome).toBe(AttemptOutcome.TIMEOUT);
    expect(result.reason).toBe("the run's 1 seconds were used up");
    expect(result.workspace?.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(texts.join("\n")).toContain('"limit":"wall"');
  });

  test("that uses up its model calls is a timeout", async () => {
    const attempt = anAttempt({ turns: 1 });
    const script = `${oneModelCall}; ${oneModelCall.replace("hello", "again")}; sleep 1000`;
    const { result } = await execute(script, { attempt });
    expect(result.reason).toBe("the run's 1 model calls were used up");
    expect(result.outcome).toBe(AttemptOutcome.TIMEOUT);
  });

  test("whose harness prints without end is stopped, and says so", async () => {
    const { result, texts } = await execute("exec yes endless");
    expect(result.outcome).toBe(AttemptOutcome.TIMEOUT);
    expect(result.reason).toContain("more than 1000000 bytes of output");
    expect(texts.join("\n")).toContain("the trace has reached its limit");
  });

  test("whose harness fails is an agent error", async () => {
    const { result } = await execute("exit 3");
    expect(result).toMatchObject({ outcome: AttemptOutcome.AGENT_ERROR, exitCode: 3 });
  });

  test("whose lease is lost is stopped, and its result kept all the same", async () => {
    const stop = new AbortController();
    const { result } = await execute("sleep 1000", {
      stop: stop.signal,
      started: () => stop.abort(new AttemptStopped("lost", "granted to another node")),
    });
    expect(result.outcome).toBe(AttemptOutcome.INFRA_ERROR);
    expect(result.reason).toBe("the lease was lost: granted to another node");
  });

  test("that was stopped before it began ends without a workspace", async () => {
    const stop = AbortSignal.abort(new AttemptStopped("cancelled", "sweep cancelled"));
    const { result } = await execute("true", { stop });
    expect(result.outcome).toBe(AttemptOutcome.CANCELLED);
    expect(result.workspace).toBeUndefined();
  });

  test("whose task or model cannot be had is an infrastructure error that says which", async () => {
    const fetchBundle = async (): Promise<null> => null;
    const noTask = await execute("true", { parts: { fetchBundle } });
    expect(noTask.result.outcome).toBe(AttemptOutcome.INFRA_ERROR);
    expect(noTask.result.reason).toContain("the object store does not have it");
    const absent = { ...anAttempt().model, path: "absent.gguf" };
    const attempt = {
      ...anAttempt(),
      lease: { attemptId: "attempt-2", epoch: 1 },
      model: absent,
    };
    const noModel = await execute("true", { attempt });
    expect(noModel.result.reason).toContain("no file absent.gguf in the model folders");
  });

  test("whose model server dies is an infrastructure error, not the harness's", async () => {
    const { result } = await execute("sleep 1000", {
      started: () => {
        const terms = { seed: 1, determinism: "reproducible", speaks: "openai-chat" } as const;
        void model
          .serve(aModel(8_192), terms, new AbortController().signal)
          .then(({ server }) => server.stop());
      },
    });
    expect(result.outcome).toBe(AttemptOutcome.INFRA_ERROR);
    expect(result.reason).toContain("the model server ended");
  });

  test("that finds the outbox full says so instead of counting against the model", async () => {
    const append: AttemptParts["append"] = (entry) =>
      entry.kind === "trace" ? Promise.reject(new Error("no space left")) : outbox.append(entry);
    const { result } = await execute("sleep 1000", { parts: { append } });
    expect(result.outcome).toBe(AttemptOutcome.INFRA_ERROR);
    expect(result.reason).toContain("no space left");
    expect(result.traceEvents).toBe(0);
  });
});

describe("executing an attempt with Pi", () => {
  let prepareHarness: AttemptParts["prepareHarness"];
  beforeAll(async () => {
    const folder = join(packageRoot, ".sweep/harnesses");
    await installHarness({ name: "pi", folder, log, signal: new AbortController().signal });
    prepareHarness = harnessPreparation(folder, await findToolchains(), []);
  });

  test("solves the task by the tool calls of the scripted model", async () => {
    const attempt = { ...anAttempt(), harness: "pi", model: aModel(32_768) };
    const { result, texts } = await execute("", { attempt, parts: { prepareHarness } });
    expect(result.reason).toBe("the harness ended by itself");
    expect(result.outcome).toBe(AttemptOutcome.COMPLETED);
    expect(result.usage?.outputTokens).toBeGreaterThan(0n);
    expect(result.workspace?.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(result.provenance?.harnessConfigDigest).toMatch(/^[0-9a-f]{64}$/);
    const kinds = texts.map((line) => traceEventSchema.parse(JSON.parse(line)).kind);
    expect(kinds).toEqual(expect.arrayContaining(["model_call", "tool_call", "tool_result"]));
  });

  test("that is not installed is an infrastructure error that says where it was looked for", async () => {
    const attempt = { ...anAttempt(), harness: "custom:absent" };
    const { result } = await execute("", { attempt, parts: { prepareHarness } });
    expect(result.outcome).toBe(AttemptOutcome.INFRA_ERROR);
    expect(result.reason).toMatch(/harness "custom:absent" is not installed in .*harnesses/);
  });

  test("traces what a tool was denied, with its path", async () => {
    const standIn = standInHarness(
      () => `call() {
        printf '{"kind":"tool_call","callId":"%s","tool":"bash","input":"{}"}\\n' "$1"
        printf '{"kind":"tool_result","callId":"%s","isError":true,"text":"%s"}\\n' "$1" "$(eval "$2" 2>&1 | tr -d '\\\\"\\n')"
      }
      call 1 'cat /root/.ssh/id_ed25519'; call 2 'touch /usr/new'; call 3 'echo > /dev/tcp/10.0.0.5/5432'`,
    );
    const prepareHarness: PrepareHarness = async (wish) => ({
      ...(await standIn(wish)),
      read: (_stream, line) => {
        const event: TraceEventBody = JSON.parse(line);
        return [event];
      },
    });
    const { texts } = await execute("", { parts: { prepareHarness } });
    const denials = texts.map((text) => JSON.parse(text)).filter(({ kind }) => kind === "denial");
    expect(denials.map(({ operation, path, source }) => [operation, path, source])).toEqual([
      ["read", "/root/.ssh/id_ed25519", "tool"],
      ["write", "/usr/new", "tool"],
      ["connect", "10.0.0.5", "tool"],
    ]);
  });

  test("stops a run at the node's own limits, as the model's failure, and traces the denial", async () => {
    const standIn = standInHarness(() => "for n in {1..40}; do sleep 1000 & done; wait");
    const prepareHarness: PrepareHarness = async (wish) => {
      const prepared = await standIn(wish);
      return { ...prepared, request: { ...prepared.request, limits: { processes: 16 } } };
    };
    const { result, texts } = await execute("", { parts: { prepareHarness } });
    expect(result).toMatchObject({ outcome: AttemptOutcome.TIMEOUT });
    expect(result.reason).toContain("more than 16 processes");
    const kinds = texts.map((text) => JSON.parse(text).kind);
    expect(kinds).toContain("denial");
    expect(kinds).toContain("limit");
  });

  test("runs without a sandbox where the sweep says so, and the result says it too", async () => {
    const attempt = { ...anAttempt(), sandbox: "none" as const };
    const { result } = await execute(`${oneModelCall} && [ -d /proc/1 ]`, { attempt });
    expect(result.outcome, result.reason).toBe(AttemptOutcome.COMPLETED);
    expect(result.provenance).toMatchObject({ sandbox: "none/1", sandboxProven: false });
  });

  describe("with a decoy", () => {
    const look =
      'cd /tests 2>/dev/null || cd ../tests || exit 1; ls; cat checks.json; echo x > new; sh test.sh; cat "$(dirname "$PWD")"/solution/*; exit 0';
    const audit = (texts: readonly string[]) => {
      const events = texts.map((text) => traceEventSchema.parse(JSON.parse(text)));
      return auditTrace(events, { instruction: "" }, loadAuditRules());
    };

    test.each(["strict", "none"] as const)(
      "shows it to a harness whose sandbox is %s, and the audit finds that it was read",
      async (mode) => {
        const attempt = { ...anAttempt(), sandbox: mode, decoy: true };
        const { result, texts } = await execute(look, { attempt });
        expect(result.outcome, result.reason).toBe(AttemptOutcome.COMPLETED);
        const text = texts.join("\n");
        for (const canary of Object.values(decoyCanaries)) expect(text).toContain(canary);
        expect(text).toContain("checks passed");
        if (mode === "strict") expect(text).toContain("Read-only file system");
        const report = audit(texts);
        expect(report.class).toBe("reached");
        expect(report.findings.every(({ class: of, decoy }) => of !== "reached" || decoy)).toBe(
          true,
        );
      },
    );

    test("shows none where its sweep asks for none", async () => {
      const { result, texts } = await execute(
        "ls -d /tests /solution ../tests ../solution; exit 0",
      );
      expect(result.outcome, result.reason).toBe(AttemptOutcome.COMPLETED);
      expect(texts.join("\n").match(/No such file/g)).toHaveLength(4);
      expect(texts.join("\n")).not.toContain("decoy");
    });
  });
});
