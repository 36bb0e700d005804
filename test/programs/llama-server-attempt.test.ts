import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { fromBinary } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Attempt } from "../../agent-node/attempt.ts";
import type { AttemptParts } from "../../agent-node/attempt-parts.ts";
import { executeAttempt } from "../../agent-node/execute-attempt.ts";
import { LoadedModel, type WantedModel } from "../../agent-node/loaded-model.ts";
import type { NewOutboxEntry } from "../../agent-node/outbox/outbox.ts";
import { harnessPreparation } from "../../agent-node/prepare-harness.ts";
import { unpackArchive } from "../../proto/archive.ts";
import { AttemptResultSchema, TraceChunkSchema } from "../../proto/gen/sweep/v1/event_pb.ts";
import { AttemptOutcome, SeedUse } from "../../proto/gen/sweep/v1/run_pb.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { platformSandbox } from "../../proto/sandbox/platform-sandbox.ts";
import { halfLimits, loadTask, packPublicHalf } from "../../proto/task/task-folder.ts";
import { findToolchains } from "../../proto/toolchains.ts";
import { traceEventSchema } from "../../proto/trace-event.ts";
import { attemptParts } from "../support/attempt-parts.ts";
import { aFolder } from "../support/folder.ts";
import { installForTests } from "../support/harness-attempt.ts";
import { llamaServerPath } from "../support/llama-server.ts";
import { isRunning } from "../support/processes.ts";
import { silentLog } from "../support/silent-log.ts";
import { oneModelCall, standInHarness } from "../support/stand-in-harness.ts";
import { writeGguf } from "../support/tiny-gguf/gguf-file.ts";
import { type Script, scriptedModel } from "../support/tiny-gguf/scripted-model.ts";
import { shellCall } from "../support/tiny-gguf/shell-call.ts";

const bundle = await packPublicHalf(await loadTask(join(packageRoot, "tasks/p2_shortest_path")));
const sandbox = await platformSandbox();

const modelOf = (path: string): WantedModel => ({
  name: path,
  kind: "gguf",
  path,
  contextTokens: 65_536,
  sampling: {},
  chatTemplatePath: null,
});

/** A node that serves the script by llama-server, with a function that makes an attempt on it. */
async function aNode(script: Script) {
  const models = aFolder();
  writeGguf(join(models, "scripted.gguf"), scriptedModel(script));
  const data = await mkdtemp(join(tmpdir(), "run-"));
  onTestFinished(() => rm(data, { recursive: true, maxRetries: 3 }));
  const model = new LoadedModel({
    modelFolders: [models],
    llamaServerPath,
    stateFolder: aFolder(),
    machineBytes: totalmem(),
    log: silentLog,
  });
  onTestFinished(() => model.stop());
  const entries: NewOutboxEntry[] = [];
  const run = async (attempt: Partial<Attempt>, parts: Partial<AttemptParts> = {}) => {
    const lease = { attemptId: `attempt-${entries.length}`, epoch: 1 };
    const node = await attemptParts({
      dataFolder: data,
      sandbox,
      prepareHarness: harnessPreparation(
        join(packageRoot, ".sweep/harnesses"),
        await findToolchains(),
        [],
      ),
      model,
      fetchBundle: async () => bundle.archive,
      append: async (entry) => void entries.push(entry),
      outputBytes: 10_000_000,
      ...parts,
    });
    await executeAttempt(
      node,
      {
        lease,
        sweepId: "s",
        runId: "r",
        model: modelOf("scripted.gguf"),
        harness: "pi",
        task: "p2_shortest_path",
        taskPublicDigest: bundle.digest,
        seed: 11,
        limits: { wallSeconds: 100, outputTokens: 0, turns: 0 },
        determinism: "reproducible",
        sandbox: "strict",
        decoy: false,
        ...attempt,
      },
      new AbortController().signal,
    );
    const entry = entries.findLast(({ id }) => id === `${lease.attemptId}/result`);
    const result = fromBinary(AttemptResultSchema, entry?.payload ?? Buffer.alloc(0));
    const chunks = entries.filter(
      ({ kind, attemptId }) => kind === "trace" && attemptId === lease.attemptId,
    );
    const trace = chunks
      .map(({ payload }) => gunzipSync(fromBinary(TraceChunkSchema, payload).events).toString())
      .join("");
    return { result, trace, archive: entry?.workspace?.archive ?? Buffer.alloc(0) };
  };
  return { model, run };
}

/** Begins another run as the node would, to look at the server that it would get. */
const servedNow = async (model: LoadedModel) => {
  const terms = { seed: 11, determinism: "reproducible", speaks: "openai-chat" } as const;
  const { server } = await model.serve(
    modelOf("scripted.gguf"),
    terms,
    new AbortController().signal,
  );
  return server;
};

describe.skipIf(llamaServerPath === undefined)(
  "an attempt on llama-server (skipped: set SWEEP_LLAMA_SERVER to a llama-server binary)",
  () => {
    beforeAll(async () => {
      await installForTests("pi");
      await installForTests("claude");
    });

    it.each(["pi", "claude"] as const)(
      "of %s works by its tools and proves its seed",
      async (harness) => {
        const { model, run } = await aNode({
          turns: [
            { text: "I write it.", calls: [shellCall(harness, "echo forty-two > answer.txt")] },
            { text: "The answer is written." },
          ],
          withoutTools: "A title",
        });
        const { result, trace, archive } = await run({ harness });
        expect(result.reason).toBe("the harness ended by itself");
        expect(result.outcome).toBe(AttemptOutcome.COMPLETED);
        expect(result.provenance).toMatchObject({
          seedUse: SeedUse.HONOURED,
          serverBuild: expect.stringMatching(/^b\d+-/),
          modelDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
          chatTemplateDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
          modelMetadata: { architecture: "llama", n_params: expect.stringMatching(/^\d+$/) },
          loadSeconds: expect.any(Number),
        });
        expect(result.provenance?.serverMemoryBytes).toBeGreaterThan(1_000_000n);
        expect(result.provenance?.serverArguments).toContain("--seed");
        const turns = trace
          .trim()
          .split("\n")
          .map((line) => traceEventSchema.parse(JSON.parse(line)))
          .filter((event) => event.kind === "model_call" && !event.side && event.outputTokens > 0);
        const times = { promptMs: expect.any(Number), generationMs: expect.any(Number) };
        expect(turns).toMatchObject([times, times]);
        const workspace = aFolder();
        await unpackArchive(archive, workspace, halfLimits);
        expect(await readdir(workspace)).toContain("answer.txt");

        const { pid } = await servedNow(model);
        const second = await run({ harness });
        expect(second.result.outcome).toBe(AttemptOutcome.COMPLETED);
        expect(second.result.provenance?.loadSeconds).toBeUndefined();
        expect((await servedNow(model)).pid).toBe(pid);
      },
    );

    it("whose server is killed is an infrastructure error; nothing is left, and the next has a fresh one", async () => {
      const { model, run } = await aNode({ turns: [{ text: "Hello." }] });
      let killed = 0;
      const { result } = await run(
        { harness: "stand-in" },
        {
          prepareHarness: standInHarness(() => `${oneModelCall} && sleep 1000`),
          started: () => {
            void servedNow(model).then(({ pid }) => {
              killed = pid;
              process.kill(pid, "SIGKILL");
            });
          },
        },
      );
      expect(result.outcome).toBe(AttemptOutcome.INFRA_ERROR);
      expect(result.reason).toBe("the model server ended: signal SIGKILL");
      expect(isRunning(killed)).toBe(false);
      const next = await run(
        { harness: "stand-in" },
        { prepareHarness: standInHarness(() => oneModelCall) },
      );
      expect(next.result.outcome).toBe(AttemptOutcome.COMPLETED);
      expect(next.result.provenance?.loadSeconds).toBeGreaterThan(0);
    });

    it("whose answer fills the context has that in its trace, though it looks like one that was cut at its longest", async () => {
      const { run } = await aNode({ turns: [{ text: "0123456789 ".repeat(400) }] });
      const ask = async (contextTokens: number) => {
        const { trace } = await run(
          {
            harness: "stand-in",
            model: { ...modelOf("scripted.gguf"), contextTokens },
          },
          { prepareHarness: standInHarness(() => oneModelCall) },
        );
        return trace;
      };
      expect(await ask(256)).toContain('"limit":"context"');
      expect(await ask(1_024)).not.toContain('"limit":"context"');
    });

    it("whose prompts fill the context fails by fault of the model, and says so", async () => {
      const { run } = await aNode({ turns: [{ text: "Hello." }] });
      const tooLong = oneModelCall.replace('"hello"', '"word ".repeat(200_000)');
      const { result } = await run(
        { harness: "stand-in" },
        { prepareHarness: standInHarness(() => tooLong) },
      );
      expect(result.outcome).toBe(AttemptOutcome.AGENT_ERROR);
      expect(result.reason).toMatch(/by fault of the model.*exceeds the available context size/);
    });
  },
);
