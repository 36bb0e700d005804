import { randomUUID } from "node:crypto";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { packageRoot } from "../../proto/package-root.ts";
import { bubblewrapSandbox } from "../../proto/sandbox/bubblewrap.ts";
import { platformSandbox } from "../../proto/sandbox/platform-sandbox.ts";
import type { Network, Sandbox } from "../../proto/sandbox/sandbox.ts";
import { SandboxError } from "../../proto/sandbox/sandbox-error.ts";
import { lockedNames } from "../../proto/toolchain/manifest.ts";
import { findToolchains } from "../../proto/toolchains.ts";
import { runInside, scriptRequest } from "../support/in-sandbox.ts";
import { processesWith } from "../support/processes.ts";

/** Script that prints what an HTTP server answers; fails if none can be reached. */
const get = (host: string, port: number): string =>
  `exec 9<>/dev/tcp/${host}/${port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&9 && cat <&9`;

describe.skipIf(process.platform !== "linux")("the sandbox of Linux (needs namespaces)", () => {
  let sandbox: Sandbox;
  let folder: string;
  let workspace: string;
  let servers: Server[];
  /** A folder of the host as /workspace, to be written. */
  let inWorkspace: { writable: { host: string; inside: string }[]; workingFolder: string };

  beforeEach(async () => {
    sandbox = await platformSandbox();
    folder = mkdtempSync(join(tmpdir(), "sandbox-"));
    workspace = join(folder, "workspace");
    mkdirSync(workspace);
    inWorkspace = {
      writable: [{ host: workspace, inside: "/workspace" }],
      workingFolder: "/workspace",
    };
    servers = [];
  });
  afterEach(async () => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    }
    rmSync(folder, { recursive: true });
  });

  /** An HTTP server of the host that greets, on a socket in the test's folder or a loopback port. */
  async function greet(
    where: { path: string } | { host: string; port: number },
    greeting: string,
  ): Promise<Server> {
    const server = createServer((_request, response) => response.end(greeting));
    servers.push(server);
    server.listen(where);
    await once(server, "listening");
    return server;
  }

  function portOf(server: Server): number {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("listens on no port");
    return address.port;
  }

  /** The network of a run whose gateway answers "from the gateway". */
  async function gateway(): Promise<Network> {
    const socketPath = join(folder, "gateway.sock");
    await greet({ path: socketPath }, "from the gateway");
    return { kind: "gateway-socket", socketPath, insidePort: 8080 };
  }

  /** How toolchains that are libraries of python3 say their version once they are loaded. */
  const libraryVersions: Readonly<Record<string, string>> = {
    sqlite: "import sqlite3; print(sqlite3.sqlite_version)",
    ...Object.fromEntries(
      lockedNames.map((name) => [name, `import ${name}; print(${name}.__version__)`]),
    ),
  };

  describe("files", () => {
    test("are written where it is allowed, and nowhere else", async () => {
      writeFileSync(join(workspace, "given"), "given");
      mkdirSync(join(folder, "tests"));
      const { stdout } = await runInside(
        sandbox,
        `for path in /workspace/new /workspace/tests/new /harness/new /usr/new /etc/new /new /run/new; do
           if (echo x > $path) 2>/dev/null; then echo $path; fi
         done; cat given`,
        {
          ...inWorkspace,
          readOnly: [
            { host: folder, inside: "/harness" },
            { host: join(folder, "tests"), inside: "/workspace/tests" },
          ],
        },
      );
      expect(stdout).toBe("/workspace/new\ngiven");
      expect(readFileSync(join(workspace, "new"), "utf8")).toBe("x\n");
    });

    test("of the host are not seen unless they are shown", async () => {
      writeFileSync(join(folder, "secret"), "secret");
      const hidden = [folder, homedir(), packageRoot, "/etc/shadow", "/etc/ssl/private", "/var"];
      const { stdout } = await runInside(sandbox, "", {
        command: [
          "/bin/sh",
          "-c",
          'for path; do [ ! -e "$path" ] || echo $path; done',
          "sh",
          ...hidden,
          "/usr/bin/env",
        ],
      });
      expect(stdout).toBe("/usr/bin/env\n");
    });

    test("of /tmp are the run's own", async () => {
      const name = randomUUID();
      const { stdout } = await runInside(sandbox, `echo x > /tmp/${name} && ls -A /tmp`);
      expect(stdout).toBe(`${name}\n`);
      expect(readdirSync(tmpdir())).not.toContain(name);
    });
  });

  describe("the environment", () => {
    test("is what was given, whatever this process has", async () => {
      const { stdout } = await runInside(sandbox, "", {
        command: ["/usr/bin/env"],
        environment: { GIVEN: "yes" },
      });
      expect(stdout.split("\n").filter((line) => !/^(PWD|OLDPWD)=|^$/.test(line))).toEqual([
        "GIVEN=yes",
      ]);
    });

    test("has no input, no privileges and no processes of the host", async () => {
      const { stdout } = await runInside(
        sandbox,
        "cat; id -u; grep CapEff /proc/self/status; ls -d /proc/[0-9]* | wc -l; ulimit -n 16; ulimit -n 32 2>/dev/null || echo kept",
      );
      const [user, capabilities, processes, limit] = stdout.trim().split("\n");
      expect([user, capabilities, limit]).toEqual(["1000", "CapEff:\t0000000000000000", "kept"]);
      expect(Number(processes)).toBeLessThan(10);
    });
  });

  describe("the network", () => {
    test("has no loopback of the host and no internet", async () => {
      const host = await greet({ host: "127.0.0.1", port: 0 }, "from the host");
      const connections = vi.fn<() => void>();
      host.on("connection", connections);
      const loopback = await runInside(sandbox, get("127.0.0.1", portOf(host)));
      expect(loopback).toMatchObject({ code: 1, stdout: "" });
      expect(connections).not.toHaveBeenCalled();
      const internet = await runInside(sandbox, get("1.1.1.1", 80));
      expect(internet.stderr).toContain("Network is unreachable");
    });

    test("has the gateway at its port and nothing else of the host", async () => {
      const host = await greet({ host: "127.0.0.1", port: 0 }, "from the host");
      const network = await gateway();
      const reached = await runInside(sandbox, get("127.0.0.1", 8080), { network });
      expect(reached.stdout).toContain("from the gateway");
      const other = await runInside(sandbox, get("127.0.0.1", portOf(host)), { network });
      expect(other).toMatchObject({ code: 1, stdout: "" });
      const internet = await runInside(sandbox, get("1.1.1.1", 80), { network });
      expect(internet.stderr).toContain("Network is unreachable");
    });

    test("lets many requests through to the gateway at a time", async () => {
      const network = await gateway();
      const script = `for n in {1..50}; do (${get("127.0.0.1", 8080)} | grep -c gateway) & done; wait`;
      const { stdout } = await runInside(sandbox, script, { network });
      expect(stdout).toBe("1\n".repeat(50));
    });
  });

  describe.each(["none", "gateway-socket"] as const)("a command with network %s", (kind) => {
    let network: Network;
    beforeEach(async () => {
      network = kind === "none" ? { kind } : await gateway();
    });

    test("passes its exit code on", async () => {
      expect(await runInside(sandbox, "exit 42", { network })).toMatchObject({
        code: 42,
        signal: null,
      });
    });

    test.each(["SIGKILL", "SIGSEGV", "SIGPIPE", "SIGTERM"] as const)(
      "passes %s on",
      async (signal) => {
        const ended = await runInside(sandbox, `kill -${signal.slice(3)} $$`, { network });
        expect(ended).toMatchObject({ code: null, signal });
      },
    );

    test("that is absent is a failed command, not a failed sandbox", async () => {
      const ended = await runInside(sandbox, "", { command: ["/opt/absent"], network });
      expect(ended).toMatchObject({ code: 127, signal: null });
      expect(ended.stderr).toContain("/opt/absent");
    });

    test("writes more than any buffer holds, and all of it arrives", async () => {
      const bytes = 20_000_000;
      const { stdout, stderr } = await runInside(
        sandbox,
        `head -c ${bytes} /dev/zero | tr '\\0' o; head -c ${bytes} /dev/zero | tr '\\0' e >&2`,
        { network },
      );
      expect([stdout.length, stderr.length]).toEqual([bytes, bytes]);
    });

    test("ends with everything it left behind", async () => {
      const word = `9${Date.now()}.${process.pid}`;
      const ended = await runInside(
        sandbox,
        `setsid setsid bash -c 'sleep ${word} & echo up > up; wait' & until [ -s up ]; do sleep 0.02; done`,
        { ...inWorkspace, network },
      );
      expect(processesWith(word)).toEqual([]);
      expect(ended.code).toBe(0);
    });

    test("is killed with everything it started, however it hid", async () => {
      const word = `8${Date.now()}.${process.pid}`;
      const running = sandbox.start(
        scriptRequest(
          `(setsid bash -c 'trap "" TERM HUP INT; (sleep ${word} &) ; echo up > up; sleep 1000' &) ; sleep 1000`,
          { ...inWorkspace, network },
        ),
      );
      await vi.waitFor(() => expect(readFileSync(join(workspace, "up"), "utf8")).toBe("up\n"), {
        timeout: 30_000,
      });
      expect(processesWith(word)).not.toEqual([]);
      await running.kill();
      expect(processesWith(word)).toEqual([]);
      await expect(running.exited).resolves.toEqual({ code: null, signal: "SIGKILL" });
    });
  });

  describe("killing", () => {
    test("at any moment of the start leaves nothing behind", async () => {
      const word = `7${Date.now()}.${process.pid}`;
      for (let turns = 0; turns < 40; turns += 1) {
        const running = sandbox.start(scriptRequest(`sleep ${word}`));
        for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
        await running.kill();
        expect(await running.exited).toEqual({ code: null, signal: "SIGKILL" });
        expect(processesWith(word)).toEqual([]);
      }
    });

    test("can be done twice, at once and after the end", async () => {
      const running = sandbox.start(scriptRequest("sleep 1000"));
      await Promise.all([running.kill(), running.kill()]);
      await running.kill();
      expect(await running.exited).toEqual({ code: null, signal: "SIGKILL" });
    });

    test("what has ended leaves its exit as it was", async () => {
      const running = sandbox.start(scriptRequest("exit 3"));
      await running.exited;
      await running.kill();
      expect(await running.exited).toEqual({ code: 3, signal: null });
    });
  });

  describe("limits", () => {
    const fill = 'x=$(head -c 300000000 /dev/zero | tr "\\0" x); echo ${#x}';

    test("on memory stop a process that takes more", async () => {
      expect((await runInside(sandbox, fill)).stdout).toBe("300000000\n");
      const limited = await runInside(sandbox, fill, {
        limits: { addressSpaceBytes: 200_000_000 },
      });
      expect(limited.stdout).toBe("");
    });

    test("on CPU time stop a process that spins", async () => {
      const ended = await runInside(sandbox, "while :; do :; done", { limits: { cpuSeconds: 1 } });
      expect(["SIGKILL", "SIGXCPU"]).toContain(ended.signal);
    });

    test("on the size of files stop a process that writes more", async () => {
      const ended = await runInside(sandbox, "exec head -c 5000000 /dev/zero > big", {
        ...inWorkspace,
        limits: { fileBytes: 1_048_576 },
      });
      expect(ended.signal).toBe("SIGXFSZ");
      expect(statSync(join(workspace, "big")).size).toBe(1_048_576);
    });

    test("on open files refuse another one", async () => {
      const open = 'for n in {10..40}; do eval "exec $n</dev/null" || exit 9; done; echo all';
      expect((await runInside(sandbox, open)).stdout).toBe("all\n");
      const limited = await runInside(sandbox, open, { limits: { openFiles: 20 } });
      expect(limited.stdout).toBe("");
    });
  });

  describe("a sandbox that cannot be set up", () => {
    test.each([
      ["a mount of nothing", { readOnly: [{ host: "/absent", inside: "/absent" }] }, "/absent"],
      ["an absent working folder", { workingFolder: "/nowhere" }, "/nowhere"],
    ] as const)("for %s fails and says so", async (_why, changes, named) => {
      const running = sandbox.start(scriptRequest("true", changes));
      await expect(running.exited).rejects.toThrow(SandboxError);
      await expect(running.exited).rejects.toThrow(named);
      await expect(running.kill()).resolves.toBeUndefined();
    });

    test("for want of its program fails and says so", async () => {
      const running = bubblewrapSandbox("/absent/bwrap").start(scriptRequest("true"));
      await expect(running.exited).rejects.toThrow(SandboxError);
      await expect(running.kill()).resolves.toBeUndefined();
    });
  });

  test("a sandbox that somebody else killed is a broken one, and nothing of it is left", async () => {
    const word = `6${Date.now()}.${process.pid}`;
    const running = sandbox.start(scriptRequest(`sleep ${word} & echo up > up; wait`, inWorkspace));
    await vi.waitFor(() => expect(readFileSync(join(workspace, "up"), "utf8")).toBe("up\n"), {
      timeout: 30_000,
    });
    const child = processesWith(word).find((pid) =>
      readFileSync(`/proc/${pid}/status`, "utf8").includes(`PPid:\t${process.pid}\n`),
    );
    process.kill(Number(child), "SIGKILL");
    await expect(running.exited).rejects.toThrow(SandboxError);
    expect(processesWith(word)).toEqual([]);
  });

  test("toolchains that were found answer inside as they did outside", async () => {
    const { toolchains, mounts, searchPath } = await findToolchains();
    expect(toolchains).not.toEqual([]);
    const environment = { PATH: searchPath.join(":"), HOME: "/tmp" };
    for (const { name, version, path } of toolchains) {
      const ask = libraryVersions[name];
      const asked = ask === undefined ? `${name} --version | head -1` : `python3 -I -c '${ask}'`;
      const script = `command -v ${basename(path)}; ${asked}`;
      const { stdout } = await runInside(sandbox, script, { environment, readOnly: mounts });
      const [found, answer] = stdout.split("\n");
      expect([found, answer?.slice(0, 200)]).toEqual([path, version]);
    }
  });
});
