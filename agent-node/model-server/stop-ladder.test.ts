import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import type { ExitStatus } from "../../proto/sandbox/sandbox.ts";
import { stopByLadder } from "./stop-ladder.ts";

async function start(onTerm: string) {
  const code = `process.on("SIGTERM", ${onTerm}); setInterval(() => {}, 1000); console.log("up")`;
  const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = new Promise<ExitStatus>((resolve) => {
    child.once("exit", (exitCode, signal) => resolve({ code: exitCode, signal }));
  });
  await once(child.stdout, "data");
  return { kill: (signal: NodeJS.Signals) => void child.kill(signal), exited };
}

it("a server that heeds its first signal is asked once", async () => {
  const server = await start("() => process.exit(0)");
  const patience = { firstMs: 60_000, secondMs: 60_000 };
  expect(await stopByLadder(server, patience)).toEqual({ code: 0, signal: null });
});

it("a server that waits for its clients is asked a second time", async () => {
  const server = await start("() => process.on('SIGTERM', () => process.exit(1))");
  const patience = { firstMs: 50, secondMs: 60_000 };
  expect(await stopByLadder(server, patience)).toEqual({ code: 1, signal: null });
});

it("a server that heeds nothing is killed", async () => {
  const server = await start("() => {}");
  const patience = { firstMs: 50, secondMs: 50 };
  expect(await stopByLadder(server, patience)).toEqual({ code: null, signal: "SIGKILL" });
});
