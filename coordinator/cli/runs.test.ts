import { expect, test } from "vitest";
import { ModelKind } from "../../proto/gen/sweep/v1/run_pb.ts";
import type { TraceEventBody } from "../../proto/trace-event.ts";
import { aLabFolder, sweep } from "../../test/support/cli.ts";
import { aServer } from "../../test/support/rpc.ts";

/** What an agent would like a terminal to do: clear the screen, retitle it, rewrite a verdict. */
const hostile = "\u001b[2J\u001b]0;owned\u0007fail\rpass \u202egpj.exe";
const harmless = "failpass gpj.exe";
const unprintable = /[\p{Cc}\p{Cf}]/u;

const aRun = { runId: "17", model: "m", harness: "pi", task: "t", seed: 1, state: "graded" };

const grade = {
  outcome: "failed",
  reason: hostile,
  output: `${hostile}\nsecond line`,
  checks: [{ name: "handles_empty", passed: false, message: hostile }],
  graderVersion: "0.1.0",
  sandbox: "bubblewrap/4",
  toolchains: [
    { name: "cc", version: "12.2.0" },
    { name: "python3", version: "3.11.2" },
  ],
};

const attempt = { attemptId: "a1", outcome: "agent_error", reason: hostile, grades: [grade] };

const withoutNewlines = (text: string) => text.replaceAll("\n", "");

test("`runs` passes its filters on and prints a row for each run", async () => {
  const requests: unknown[] = [];
  const server = await aServer({
    listRuns: async ({ sweep, model, harness, task, state }) => {
      requests.push([sweep, model, harness, task, state]);
      return {
        runs: [{ ...aRun, outcome: "passed", audit: "none", agentSeconds: 1.25, attempts: 1 }],
      };
    },
  });
  const words = "runs s --model m --harness pi --task t --state graded".split(" ");
  const { stdout } = await sweep(words, { folder: aLabFolder(server) });
  expect(requests).toEqual([["s", "m", "pi", "t", "graded"]]);
  expect(stdout).toMatch(/\n17 +m +pi +t +1 +graded +passed +none +1\.3 +1 +- +-\n$/);
});

test("a reason that quotes the harness is shown only with --content, and then harmless", async () => {
  const run = { ...aRun, outcome: "agent_error", reason: hostile };
  const server = await aServer({ listRuns: async () => ({ runs: [run] }) });
  const folder = aLabFolder(server);
  for (const json of [[], ["--json"]]) {
    const closed = (await sweep(["runs", "s", ...json], { folder })).stdout;
    expect(closed).not.toContain("exe");
    expect(closed).toContain(`(${hostile.length} characters; --content shows them)`);
    const open = (await sweep(["runs", "s", "--content", ...json], { folder })).stdout;
    expect(open).toContain(harmless);
    expect(withoutNewlines(open)).not.toMatch(unprintable);
  }
});

test("the node's own reasons are always shown", async () => {
  const run = { ...aRun, outcome: "timeout", reason: "the wall limit of 30 s was reached" };
  const server = await aServer({ listRuns: async () => ({ runs: [run] }) });
  const { stdout } = await sweep(["runs", "s"], { folder: aLabFolder(server) });
  expect(stdout).toContain("the wall limit of 30 s was reached");
});

test("`show` prints attempts, provenance and grades, without text of the agent", async () => {
  const provenance = { chip: "Apple M3 Max", os: "darwin", arch: "arm64", harnessVersion: "1.5.2" };
  const attempts = [
    {
      ...attempt,
      accepted: true,
      nodeName: "studio",
      traceEvents: 9,
      provenance,
      modelCalls: 5,
      sideCalls: 2,
    },
  ];
  const server = await aServer({ getRun: async () => ({ run: aRun, sweepName: "s", attempts }) });
  const folder = aLabFolder(server);
  const { stdout } = await sweep(["show", "17"], { folder });
  expect(stdout).toContain("run 17 of s: m x pi x t, seed 1");
  expect(stdout).toContain("on studio: agent_error (accepted)");
  expect(stdout).toContain("5 model calls (2 side calls), ");
  expect(stdout).toContain("sweep trace 17 --attempt a1");
  expect(stdout).toContain("node: Apple M3 Max, darwin arm64");
  expect(stdout).toContain("0 of 1 checks passed");
  expect(stdout).toContain("    grader 0.1.0, sandbox bubblewrap/4\n");
  expect(stdout).toContain("    toolchains cc 12.2.0, python3 3.11.2\n");
  expect(stdout).not.toContain("exe");
  expect((await sweep(["show", "17", "--json"], { folder })).stdout).not.toContain("exe");
});

test("`show --content` prints text of the agent, harmless", async () => {
  const server = await aServer({ getRun: async () => ({ run: aRun, attempts: [attempt] }) });
  const folder = aLabFolder(server);
  for (const json of [[], ["--json"]]) {
    const { stdout } = await sweep(["show", "17", "--content", ...json], { folder });
    expect(stdout).toContain(harmless);
    expect(stdout).toContain("second line");
    expect(withoutNewlines(stdout)).not.toMatch(unprintable);
  }
});

const events: TraceEventBody[] = [
  { kind: "node", text: "harness started" },
  { kind: "message", role: "assistant", text: hostile },
  { kind: "tool_call", callId: "1", tool: hostile, input: hostile },
  { kind: "tool_result", callId: "1", isError: true, text: hostile },
  { kind: "output", stream: "stderr", text: hostile },
];

function aTrace() {
  const lines = events.map((event, sequence) => JSON.stringify({ sequence, atMs: 0, ...event }));
  const encode = (text: string) => ({ events: new TextEncoder().encode(text) });
  return aServer({
    async *readTrace() {
      yield encode(`${lines.slice(0, 2).join("\n")}\n`);
      yield encode(`${lines.slice(2).join("\n")}\n{"kind":"from a later version"}\n`);
    },
  });
}

test("`trace` prints kinds and lengths, and no text of the agent", async () => {
  const { stdout } = await sweep(["trace", "17"], { folder: aLabFolder(await aTrace()) });
  const length = `(${hostile.length} characters; --content shows them)`;
  expect(stdout.split("\n")).toEqual([
    "    0  1970-01-01T00:00:00.000Z  node         harness started",
    `    1  1970-01-01T00:00:00.000Z  message      assistant ${length}`,
    `    2  1970-01-01T00:00:00.000Z  tool_call    ${length}`,
    `    3  1970-01-01T00:00:00.000Z  tool_result  error ${length}`,
    `    4  1970-01-01T00:00:00.000Z  output       stderr ${length}`,
    "an event that is not understood (31 characters)",
    "",
  ]);
});

test("`trace --json` has no text of the agent either", async () => {
  const folder = aLabFolder(await aTrace());
  const { stdout } = await sweep(["trace", "17", "--json"], { folder });
  expect(stdout).not.toContain("exe");
});

test("`trace --content` prints the text, harmless", async () => {
  const folder = aLabFolder(await aTrace());
  const { stdout } = await sweep(["trace", "17", "--content"], { folder });
  expect(stdout.split(harmless)).toHaveLength(6);
  expect(withoutNewlines(stdout)).not.toMatch(unprintable);
});

test("`trace --content --json` loses nothing and is harmless on a terminal", async () => {
  const folder = aLabFolder(await aTrace());
  const { stdout } = await sweep(["trace", "17", "--content", "--json"], { folder });
  const parsed = stdout
    .split("\n")
    .slice(0, events.length)
    .map((line) => JSON.parse(line));
  expect(parsed).toMatchObject(events);
  expect(withoutNewlines(stdout)).not.toMatch(unprintable);
});

test("`results` prints pass rates with their intervals, mean seconds, and whether harnesses were shut in", async () => {
  const server = await aServer({
    listCombinationResults: async () => ({
      combinations: [
        {
          model: "m",
          harness: "pi",
          planned: 17,
          valid: 16,
          passed: 13,
          timeouts: 1,
          rateLower: 0.5699,
          rateUpper: 0.9341,
          meanSeconds: 12.34,
          sandbox: "strict",
        },
        { model: "m", harness: "claude", planned: 2, sandbox: "none" },
      ],
    }),
  });
  const { stdout } = await sweep(["results", "s"], { folder: aLabFolder(server) });
  expect(stdout).toMatch(/\nm +pi +13\/16 +81\.2 +57\.0 - 93\.4 +1 +12\.3 +1 +strict\n/);
  expect(stdout).toMatch(/\nm +claude +0\/0 +- +- +0 +- +2 +none\n/);
});

test("`nodes` prints what a node is and can do", async () => {
  const server = await aServer({
    listNodes: async () => ({
      nodes: [
        {
          name: "studio",
          connected: true,
          draining: true,
          capabilities: {
            chip: "Apple M3 Max",
            memoryBytes: 128n * 2n ** 30n,
            harnesses: [{ name: "pi", version: "1.5.2" }],
          },
        },
      ],
    }),
  });
  const { stdout } = await sweep(["nodes"], { folder: aLabFolder(server) });
  expect(stdout).toMatch(/\nstudio +draining +- +Apple M3 Max +128 GiB +pi 1\.5\.2 /);
});

test("`models` prints each weights file once, and apart where nodes have different ones", async () => {
  const held = (digest: string) => ({
    kind: ModelKind.GGUF,
    path: "qwen/q4.gguf",
    sizeBytes: 18n * 2n ** 30n,
    quantLabel: "Q4_K_M",
    architecture: "qwen3",
    digest,
  });
  const node = (name: string, digest: string) => ({
    name,
    capabilities: { models: [held(digest)] },
  });
  const [one, other] = ["ab".repeat(32), "cd".repeat(32)];
  const nodes = [node("mini", one), node("pro", other), node("studio", one), node("new", "")];
  const server = await aServer({ listNodes: async () => ({ nodes }) });
  const folder = aLabFolder(server);
  const { stdout } = await sweep(["models"], { folder });
  expect(stdout).toMatch(
    /\nqwen\/q4\.gguf +qwen3 +Q4_K_M +18\.0 GiB +abababababab +mini, studio\n/,
  );
  expect(stdout).toMatch(/ +cdcdcdcdcdcd +pro\n/);
  expect(stdout).toMatch(/ +not yet known +new\n/);
  const json: unknown = JSON.parse((await sweep(["models", "--json"], { folder })).stdout);
  expect(json).toMatchObject({
    models: [{ digest: one, nodes: ["mini", "studio"], quant: "Q4_K_M" }, {}, {}],
  });
});
