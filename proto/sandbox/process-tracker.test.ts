import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { isRunning } from "../../test/support/processes.ts";
import { markVariable, ProcessTracker } from "./process-tracker.ts";

/** Starts a child in a session of its own, prints the child's id and stays. */
const parentOfDetached = `
const { spawn } = require("node:child_process");
const child = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
console.log(child.pid);
setInterval(() => {}, 1000);
`;

test("a tracked process is ended together with a child that left its session", async () => {
  const leader = spawn(process.execPath, ["-e", parentOfDetached], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const tracker = new ProcessTracker(leader.pid!, randomUUID());
  const [line] = await once(createInterface({ input: leader.stdout }), "line");
  const child = Number(line);
  expect(isRunning(child)).toBe(true);
  await tracker.endAll();
  expect([isRunning(leader.pid!), isRunning(child)]).toEqual([false, false]);
});

test("ending what has ended already changes nothing", async () => {
  const leader = spawn("true", { detached: true, stdio: "ignore" });
  const tracker = new ProcessTracker(leader.pid!, randomUUID());
  await once(leader, "exit");
  await tracker.endAll();
  await expect(tracker.endAll()).resolves.toBeUndefined();
});

/** Starts a child in a session of its own, prints the child's id and leaves it an orphan. */
const parentOfOrphan = `
const { spawn } = require("node:child_process");
const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" });
child.unref();
console.log(child.pid);
`;

test("an orphan that was never seen beside its parent is known by its mark", async () => {
  const mark = randomUUID();
  const leader = spawn(process.execPath, ["-e", parentOfOrphan], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, [markVariable]: mark },
  });
  const [line] = await once(createInterface({ input: leader.stdout }), "line");
  if (leader.exitCode === null) await once(leader, "exit");
  const orphan = Number(line);
  expect(isRunning(orphan)).toBe(true);
  await new ProcessTracker(leader.pid!, mark).endAll();
  expect(isRunning(orphan)).toBe(false);
});
