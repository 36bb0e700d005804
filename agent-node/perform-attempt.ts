import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { unpackArchive } from "../proto/archive.ts";
import { describeExit } from "../proto/sandbox/exit-status.ts";
import type { ExceededLimit } from "../proto/sandbox/sandbox.ts";
import { taskBundle } from "../proto/task/bundle-cache.ts";
import { halfLimits } from "../proto/task/task-folder.ts";
import type { Attempt } from "./attempt.ts";
import { type AttemptFolder, layOutAttemptFolder } from "./attempt-folder.ts";
import { type AttemptModel, serveAttemptModel } from "./attempt-model.ts";
import type { AttemptParts } from "./attempt-parts.ts";
import type { AttemptProgress } from "./attempt-progress.ts";
import { sandboxOf } from "./attempt-sandbox.ts";
import { plantDecoy } from "./decoy.ts";
import type { Ending } from "./ending.ts";
import { type Gateway, openGateway } from "./gateway/gateway.ts";
import { fillsContext } from "./model-server/full-context.ts";
import { runHarness } from "./run-harness.ts";
import { type Denial, toolDenialReader } from "./tool-denials.ts";
import type { TraceWriter } from "./trace-writer.ts";

/** One attempt with all that it needs on its way. */
interface AttemptRun {
  readonly node: AttemptParts;
  readonly attempt: Attempt;
  readonly folder: AttemptFolder;
  readonly ending: Ending;
  readonly trace: TraceWriter;
  readonly progress: AttemptProgress;
}

/**
 * Carries an attempt out: lays its folder out, has its model served, opens its gateway and runs its
 * harness until `ending` is reached. Gateway and processes are gone when this settles.
 *
 * @throws when a part fails before the harness has ended, or gives up because `ending` was reached.
 */
export async function performAttempt(run: AttemptRun): Promise<void> {
  const { node, attempt, folder, ending, trace, progress } = run;
  const { signal } = ending;
  const bundle = await taskBundle({
    folder: join(node.dataFolder, "tasks"),
    digest: attempt.taskPublicDigest,
    fetch: node.fetchBundle,
    nowMs: Date.now(),
  });
  signal.throwIfAborted();
  await layOutAttemptFolder(folder, (into) => unpackArchive(bundle, into, halfLimits));
  signal.throwIfAborted();
  const model = await serveAttemptModel(node, attempt, ending);
  progress.server = model.server;
  progress.loadSeconds = model.loadSeconds;
  trace.record({ kind: "node", text: model.description });
  for (const policy of model.policies) trace.record({ kind: "policy", ...policy });
  const gatewayPolicies: string[] = [];
  const gateway = await openGateway({
    upstream: model.upstream,
    seed: attempt.seed,
    sampling: attempt.model.sampling,
    ended: signal,
    limits: attempt.limits,
    listen:
      sandboxOf(node, attempt).gatewayTransport === "socket"
        ? { kind: "socket", path: folder.gatewaySocket }
        : { kind: "port" },
    record: (event) => {
      trace.record(event);
      if (event.kind === "policy") gatewayPolicies.push(event.name);
      if (event.kind !== "model_call") return;
      model.observer.observe(event);
      if (attempt.model.kind !== "hosted" && fillsContext(event, attempt.model.contextTokens)) {
        const text = "an answer ended because prompt and answer filled the model's context";
        trace.record({ kind: "limit", limit: "context", text });
      }
      progress.upstreamFailure = model.observer.lastFailure();
    },
    onLimit: (limit) => {
      const allowed = limit === "turns" ? attempt.limits.turns : attempt.limits.outputTokens;
      ending.report({ kind: "limit", limit, allowed });
    },
  });
  try {
    await runInSandbox(run, gateway, model);
  } finally {
    await gateway.close();
    progress.usage = gateway.usage();
    progress.policies = [...progress.policies, ...gatewayPolicies];
    progress.waitedSeconds = model.waitedSeconds();
    progress.seedUse = await model.observer.seedUse();
    progress.serverMemoryBytes = await model.memoryBytes();
  }
}

async function runInSandbox(
  { node, attempt, folder, ending, trace, progress }: AttemptRun,
  gateway: Gateway,
  model: AttemptModel,
): Promise<void> {
  const sandbox = sandboxOf(node, attempt);
  const prepared = await node.prepareHarness({
    harness: attempt.harness,
    instruction: await readFile(join(folder.bundle, "instruction.md"), "utf8"),
    model: attempt.model,
    folder,
    sandbox,
    network: gateway.network,
    gatewayToken: gateway.token,
  });
  progress.harness = prepared.identity;
  progress.policies = [...prepared.policies, ...model.policies].map(({ name }) => name);
  const decoy = attempt.decoy ? await plantDecoy(folder.root, sandbox) : [];
  const request = { ...prepared.request, readOnly: [...prepared.request.readOnly, ...decoy] };
  ending.signal.throwIfAborted();
  node.started(attempt.lease);
  progress.harnessStarted = true;
  const { version } = prepared.identity;
  for (const policy of prepared.policies) trace.record({ kind: "policy", ...policy });
  trace.record({ kind: "node", text: `harness ${attempt.harness} ${version} starts` });
  if (decoy.length > 0) {
    const places = decoy.map(({ inside }) => inside).join(" and ");
    trace.record({ kind: "node", text: `a decoy of a grader lies at ${places}` });
  }
  const denialsOf = toolDenialReader({
    own: request.writable.map(({ inside }) => inside),
    readable: [...systemFolders, ...request.readOnly.map(({ inside }) => inside)],
  });
  const { exit, seconds } = await runHarness({
    sandbox,
    request,
    wallSeconds: attempt.limits.wallSeconds,
    outputBytes: node.outputBytes,
    onLine: (stream, line) => {
      for (const event of prepared.read(stream, line)) {
        trace.record(event);
        for (const denial of denialsOf(event)) trace.record(denial);
      }
    },
    onExceeded: (exceeded) => trace.record(denialOf(exceeded)),
    judge: async (exit) => {
      const verdict = prepared.judge(exit);
      if (verdict.kind === "agent_error") {
        // The server may have died under the last answer, which the gateway cannot tell from a full one.
        progress.upstreamFailure ??= await model.health();
        // Believed only as long as nothing was answered: what a harness prints may be a model's words.
        if (verdict.endpointFailed && gateway.usage().modelCalls === 0) {
          const reason = "the harness did not reach its gateway";
          progress.upstreamFailure ??= { fault: "node", reason };
        }
      }
      return verdict;
    },
    ending,
  });
  progress.exit = exit;
  progress.agentSeconds = seconds;
  const text = `harness ended with ${describeExit(exit)} after ${seconds.toFixed(1)} s`;
  trace.record({ kind: "node", text });
}

/** Visible in every sandbox; what is not there was not denied. */
const systemFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/System", "/Library", "/dev"];

/** What the watch over the sandbox did not allow, for the trace. */
function denialOf({ limit, allowed, found }: ExceededLimit): Denial {
  const operation = limit === "processes" ? "process" : limit === "memoryBytes" ? "other" : "write";
  const text = `${limit}: ${found} found, ${allowed} allowed`;
  return { kind: "denial", operation, path: "", source: "watch", text };
}
