import { spawnTethered } from "../../proto/tether.ts";

/**
 * A process that tethers a shell script and waits, for tests that kill it.
 * Usage: `tether-parent.ts SCRIPT GRACE_MS`; prints the pid of the script's shell.
 */
const [, , script = "", graceMs = "1000"] = process.argv;
const child = await spawnTethered({
  program: "/bin/sh",
  arguments: ["-c", script],
  environment: {},
  workingFolder: "/",
  stdout: "pipe",
  stderr: "ignore",
  stopSignal: "SIGTERM",
  graceMs: Number(graceMs),
});
// The script's first line says that its traps are set.
child.stdout?.once("data", () => process.stdout.write(`${child.pid}\n`));
