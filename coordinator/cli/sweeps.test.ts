import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SweepState } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { RpcError } from "../../proto/rpc/rpc-error.ts";
import { aLabFolder, sweep } from "../../test/support/cli.ts";
import { aServer, UnknownSweep } from "../../test/support/rpc.ts";

const study = join(packageRoot, "deploy/examples/study.yaml");

function aSweepFile(folder: string): string {
  writeFileSync(join(folder, "my.yaml"), "name: mine\n");
  return "my.yaml";
}

const progress = (graded: number, state: SweepState = SweepState.ACTIVE) => ({
  sweep: {
    name: "mine",
    state,
    counts: { total: 4, graded, passed: graded, pending: 4 - graded },
  },
  nodes: [{ nodeName: "n1", connected: true, ended: graded, running: ["17 pi c1_ring_buffer"] }],
  etaSeconds: 90,
});

test("`plan` without a coordinator counts the study's runs and names the missing tasks", async () => {
  const { exitCode, stdout } = await sweep(["plan", study]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain(
    "17 models x 5 harnesses x 16 tasks, 1360 cells x 5 seeds = 6800 runs (1360 runs per seed)",
  );
});

test("`plan` with --json has the same numbers for programs", async () => {
  const { stdout } = await sweep(["plan", study, "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({
    models: 17,
    harnesses: 5,
    tasks: 16,
    cells: 1360,
    runs: 6800,
  });
});

test("`plan` of a faulty file ends with 2 and prints every problem with its place", async () => {
  const folder = aLabFolder({ address: "127.0.0.1:1" });
  const { exitCode, stderr, stdout } = await sweep(["plan", aSweepFile(folder), "--offline"], {
    folder,
  });
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toMatch(/my\.yaml:1:1: models: found nothing; accepted: a list/);
  expect(stderr).toMatch(/my\.yaml:1:1: seeds: found nothing; accepted: a count/);
});

test("`plan` of a file that does not exist ends with 2", async () => {
  const { exitCode, stderr } = await sweep(["plan", "nowhere.yaml"]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain("cannot read the sweep file nowhere.yaml");
});

test("`plan` shows the coordinator's placement and what no node can run, with the reasons", async () => {
  const server = await aServer({
    planSweep: async ({ fileName }) => ({
      sweepName: fileName,
      seeds: 1,
      cells: 3,
      runs: 3,
      nodes: [{ nodeName: "studio", models: ["b", "a"], runs: 2 }],
      unplaceable: [{ model: "c", harness: "pi", runs: 1, reasons: ["studio: too little memory"] }],
    }),
  });
  const folder = aLabFolder(server);
  const { stdout } = await sweep(["plan", aSweepFile(folder)], { folder });
  expect(stdout).toMatch(/studio +2 +b, a\n/);
  expect(stdout).toMatch(/No node can run:\n.*\nc +pi +1 +studio: too little memory\n/);
});

test("`run` passes text, name and amendment on, and says what was stored", async () => {
  const requests: unknown[] = [];
  const server = await aServer({
    submitSweep: async ({ text, amend, name }) => {
      requests.push({ text, amend, name });
      return { sweepName: "again", runsAdded: 1, runsTotal: 5 };
    },
  });
  const folder = aLabFolder(server);
  const words = ["run", aSweepFile(folder), "--amend", "--name", "again"];
  const { exitCode, stdout } = await sweep(words, { folder });
  expect(exitCode).toBe(0);
  expect(requests).toEqual([{ text: "name: mine\n", amend: true, name: "again" }]);
  expect(stdout).toContain("again: 1 run added, 5 in all\n");
});

test("a refused submission ends with the coordinator's words: 2 for the file, 1 for a known name", async () => {
  const refusals = [
    new RpcError("INVALID_ARGUMENT", "my.yaml:1:1: found nothing"),
    new RpcError("ALREADY_EXISTS", "there is a sweep `mine`"),
  ];
  const server = await aServer({
    submitSweep: async () => {
      throw refusals.shift();
    },
  });
  const folder = aLabFolder(server);
  const words = ["run", aSweepFile(folder)];
  expect(await sweep(words, { folder })).toMatchObject({
    exitCode: 2,
    stderr: "sweep: my.yaml:1:1: found nothing\n",
  });
  expect(await sweep(words, { folder })).toMatchObject({
    exitCode: 1,
    stderr: "sweep: there is a sweep `mine`\n",
  });
});

test("`run --watch` prints a line for each change until the sweep has ended", async () => {
  const server = await aServer({
    submitSweep: async () => ({ sweepName: "mine", runsAdded: 4, runsTotal: 4 }),
    async *watchSweep() {
      yield { status: progress(0) };
      yield { status: progress(0) };
      yield { status: progress(3) };
      yield { status: progress(4, SweepState.COMPLETED) };
    },
  });
  const folder = aLabFolder(server);
  const { exitCode, stdout } = await sweep(["run", aSweepFile(folder), "--watch"], { folder });
  expect(exitCode).toBe(0);
  expect(stdout.split("\n").slice(1)).toEqual([
    "mine active: 0/4 done, 0 passed, 0 failed, 0 running, 0 grading, 4 waiting, ETA 1 min 30 s",
    "mine active: 3/4 done, 3 passed, 0 failed, 0 running, 0 grading, 1 waiting, ETA 1 min 30 s",
    "mine completed: 4/4 done, 4 passed, 0 failed",
    "",
  ]);
});

test("a watch survives the coordinator's restart", async () => {
  const first = await aServer({
    async *watchSweep(_, { signal }) {
      yield { status: progress(1) };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  let restarted: Promise<unknown> | undefined;
  const { exitCode, stdout } = await sweep(["status", "mine", "--watch"], {
    folder: aLabFolder(first),
    onOutput: () => {
      restarted ??= first.close(0).then(() =>
        aServer(
          {
            async *watchSweep() {
              yield { status: progress(4, SweepState.COMPLETED) };
            },
          },
          undefined,
          first.address,
        ),
      );
    },
  });
  await restarted;
  expect(exitCode).toBe(0);
  expect(stdout).toContain("mine active: 1/4 done");
  expect(stdout).toContain("mine completed: 4/4 done");
}, 30_000);

test("a watch ends with 1 when runs ended without a result", async () => {
  const server = await aServer({
    async *watchSweep() {
      const counts = { total: 2, graded: 1, exhausted: 1 };
      yield { status: { sweep: { name: "mine", state: SweepState.COMPLETED, counts } } };
    },
  });
  const { exitCode, stderr } = await sweep(["status", "mine", "--watch"], {
    folder: aLabFolder(server),
  });
  expect(exitCode).toBe(1);
  expect(stderr).toContain("1 run has ended without a result; `sweep runs mine` says why");
});

test("an unknown sweep ends with 1 and the coordinator's words", async () => {
  const server = await aServer({
    getSweepStatus: async ({ sweep }) => {
      throw new UnknownSweep(`there is no sweep ${sweep}; there are: mine`);
    },
  });
  expect(await sweep(["status", "yours"], { folder: aLabFolder(server) })).toMatchObject({
    exitCode: 1,
    stderr: "sweep: there is no sweep yours; there are: mine\n",
  });
});

test("`status` shows each node and what waits", async () => {
  const server = await aServer({
    getSweepStatus: async () => ({
      ...progress(1),
      waiting: [{ model: "m", harness: "pi", runs: 3, reasons: ["no node has pi"] }],
    }),
  });
  const { stdout } = await sweep(["status", "mine"], { folder: aLabFolder(server) });
  expect(stdout).toContain("\n  n1  1 ended, 17 pi c1_ring_buffer\n");
  expect(stdout).toMatch(/\nWaiting:\n.*\nm +pi +3 +no node has pi\n/);
});

test.each([
  ["pause", SweepState.PAUSED, "mine is paused\n"],
  ["resume", SweepState.ACTIVE, "mine is active\n"],
  ["cancel", SweepState.CANCELLED, "mine is cancelled\n"],
])("`%s` asks for the state and prints the answer", async (name, state, printed) => {
  const server = await aServer({
    setSweepState: async (request) => ({ sweep: { name: request.sweep, state: request.state } }),
  });
  const folder = aLabFolder(server);
  expect((await sweep([name, "mine"], { folder })).stdout).toBe(printed);
  const json = JSON.parse((await sweep([name, "mine", "--json"], { folder })).stdout);
  expect(json.sweep.state).toBe(
    `SWEEP_STATE_${Object.entries(SweepState).find(([, value]) => value === state)?.[0]}`,
  );
});

test("`list` shows how far each sweep is", async () => {
  const server = await aServer({
    listSweeps: async () => ({ sweeps: [progress(3).sweep] }),
  });
  const { stdout } = await sweep(["list"], { folder: aLabFolder(server) });
  expect(stdout).toMatch(
    /^sweep +state +done +passed +failed +submitted\nmine +active +3\/4 +3 +0 +-\n$/,
  );
});

test("`drain` takes a node out of service, and with --off back", async () => {
  const server = await aServer({
    setNodeDraining: async ({ node, draining }) => ({
      node: { name: node, connected: true, draining },
    }),
  });
  const folder = aLabFolder(server);
  expect((await sweep(["drain", "n1"], { folder })).stdout).toBe("n1: draining\n");
  expect((await sweep(["drain", "n1", "--off"], { folder })).stdout).toBe("n1: connected\n");
});
