import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, test } from "vitest";
import { paragraph } from "./error-paragraph.ts";
import { packageRoot } from "./package-root.ts";

const environment = {
  PATH: process.env["PATH"],
  SWEEP_NATS_URL: "nats://127.0.0.1:1",
  SWEEP_NATS_USER: "node-a",
  SWEEP_NATS_PASSWORD: "nats-secret",
  SWEEP_DATA: "/nowhere",
};

/** Generous: the machine may be busy, and the tests wait for events, not for this. */
describe("a role process", { timeout: 30_000 }, () => {
  const started: ChildProcessWithoutNullStreams[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) child.kill("SIGKILL");
  });

  function start(extra: Record<string, string>) {
    const program = join(packageRoot, "test/support/stand-in-role.ts");
    const child = spawn(process.execPath, ["--import", "tsx", program, "coordinator"], {
      cwd: packageRoot,
      env: { ...environment, ...extra },
      stdio: "pipe",
    });
    started.push(child);
    const stderr = text(child.stderr);
    const exited = once(child, "exit");
    const stdout = text(child.stdout);
    return {
      child,
      stderr,
      stdout,
      ready: once(child.stdout, "data"),
      exited,
    };
  }

  test.each(["SIGTERM", "SIGINT"] as const)(
    "says ready once, stops on %s and exits with 0",
    async (signal) => {
      const role = start({});
      await role.ready;
      role.child.kill(signal);
      expect(await role.exited).toEqual([0, null]);
      expect(await role.stdout).toBe('ready {"role":"coordinator","address":"127.0.0.1:7411"}\n');
      const lines = (await role.stderr)
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).msg);
      expect(lines).toEqual(["starting", "stopping", "stopped"]);
    },
  );

  test("stops when its stdin ends if it is tethered", async () => {
    const role = start({ SWEEP_TETHERED: "1" });
    await role.ready;
    role.child.stdin.end();
    expect(await role.exited).toEqual([0, null]);
  });

  test("does not mind the end of stdin if it is not tethered", async () => {
    const role = start({});
    role.child.stdin.end();
    await role.ready;
    role.child.kill("SIGTERM");
    expect(await role.exited).toEqual([0, null]);
    expect(await role.stderr).toContain('"reason":"SIGTERM"');
  });

  test("that hangs while stopping ends with 1 within its limit", async () => {
    const role = start({ SWEEP_BEHAVIOUR: "hang" });
    await role.ready;
    role.child.kill("SIGTERM");
    expect(await role.exited).toEqual([1, null]);
    expect(await role.stderr).toContain("did not stop in time");
  });

  test("that fails ends with 1 and says why, with causes and without secrets", async () => {
    const role = start({ SWEEP_BEHAVIOUR: "fail" });
    expect(await role.exited).toEqual([1, null]);
    expect(await role.stderr).toContain("coordinator: cannot log in with [redacted]: refused\n");
    expect(await role.stdout).toBe("");
  });

  test("with a wrong configuration ends with 2 and names each problem", async () => {
    const role = start({ SWEEP_NATS_URL: "", SWEEP_LOG_LEVEL: "loud" });
    expect(await role.exited).toEqual([2, null]);
    expect(await role.stderr).toMatch(/SWEEP_LOG_LEVEL[^]*"loud"/);
    expect(await role.stderr).toContain("SWEEP_NATS_URL");
  });
});

describe("an error as a paragraph", () => {
  test("joins causes and gathered errors, outermost first", () => {
    const gathered = new AggregateError([new Error("a"), new Error("b")], "several");
    expect(paragraph(new Error("outer", { cause: gathered }))).toBe("outer: several: a: b");
  });

  test("leaves out a cause whose words it has already", () => {
    expect(paragraph(new Error("refused (why)", { cause: new Error("why") }))).toBe(
      "refused (why)",
    );
  });
});
