import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import getPort from "get-port";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { findNatsServer } from "../../deploy/embedded/nats-server-binary.ts";
import { connectNats, NatsConnectionError, type NatsFault } from "../../proto/nats/connection.ts";
import { ensureTopology } from "../../proto/nats/topology.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { eventStream, traceSubject } from "../../proto/subjects.ts";
import { spawnTethered, type TetheredProcess } from "../../proto/tether.ts";
import { startTestNats, type TestNats } from "../support/nats.ts";
import { silentLog as log } from "../support/silent-log.ts";

describe("connecting to NATS", () => {
  let nats: TestNats;
  beforeAll(async () => {
    nats = await startTestNats();
  });
  afterAll(() => nats.stop());

  const attempt = (options: { url?: string; user?: string; password?: string }) =>
    connectNats({ url: nats.url, user: "coordinator", password: nats.password, log, ...options });

  async function expectFault(act: Promise<unknown>, fault: NatsFault, ...said: string[]) {
    const error = await act.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NatsConnectionError);
    expect(error).toMatchObject({ fault });
    for (const part of said) expect(String(error)).toContain(part);
  }

  test("names client and inboxes after the user", async () => {
    const connection = await attempt({});
    const reply = await connection.request("$JS.API.INFO");
    expect(reply.subject).toMatch(/^_INBOX_coordinator\./);
    await connection.close();
  });

  test("where nothing listens fails at once and names the address", async () => {
    const url = `nats://127.0.0.1:${await getPort()}`;
    await expectFault(attempt({ url }), "unreachable", url);
  });

  test("with a wrong password names the user and not the password", async () => {
    await expectFault(attempt({ password: "guessed" }), "credentials", '"coordinator"', nats.url);
    await attempt({ password: "guessed" }).catch((error: unknown) =>
      expect(String(error)).not.toContain("guessed"),
    );
  });

  test("as a user that the server does not know is a matter of credentials", async () => {
    await expectFault(attempt({ user: "nobody" }), "credentials", '"nobody"');
  });

  describe("to a server that cannot carry a sweep", () => {
    let folder: string;
    let server: TetheredProcess | undefined;
    let fake: Server | undefined;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "sweep-nats-bare-"));
    });
    afterEach(async () => {
      await server?.stop();
      fake?.close();
      rmSync(folder, { recursive: true });
    });

    async function startBareServer(settings: string): Promise<string> {
      const binary = await findNatsServer({
        dataFolder: join(packageRoot, ".sweep"),
        environment: process.env,
      });
      const port = await getPort();
      const file = join(folder, "bare.conf");
      writeFileSync(
        file,
        `listen: 127.0.0.1:${port}\nauthorization { user: coordinator, password: "${nats.password}" }\n${settings}\n`,
      );
      server = await spawnTethered({
        program: binary!.path,
        arguments: ["-c", file],
        environment: {},
        workingFolder: folder,
        stdout: "ignore",
        stderr: openSync(join(folder, "log"), "a"),
        stopSignal: "SIGTERM",
        graceMs: 2_000,
      });
      return `nats://127.0.0.1:${port}`;
    }

    test("says that JetStream is off and how to switch it on", async () => {
      const url = await startBareServer("");
      const attempted = () => attempt({ url }).catch((error: NatsConnectionError) => error);
      await expect
        .poll(attempted, { timeout: 20_000 })
        .toMatchObject({ fault: "jetstream-off", message: expect.stringContaining("store_dir") });
    });

    test("says that its message limit is too small", async () => {
      const url = await startBareServer(`max_payload: 65536\njetstream { store_dir: "${folder}" }`);
      const attempted = () => attempt({ url }).catch((error: NatsConnectionError) => error);
      await expect
        .poll(attempted, { timeout: 20_000 })
        .toMatchObject({ fault: "payload-limit", message: expect.stringContaining("65536") });
    });

    test("says that it is too old", async () => {
      const port = await getPort();
      const info = {
        server_id: "old",
        version: "2.8.4",
        proto: 1,
        max_payload: 1_048_576,
        headers: true,
      };
      fake = createServer((socket) => {
        socket.write(`INFO ${JSON.stringify(info)}\r\n`);
        socket.on("data", (bytes) => bytes.includes("PING") && socket.write("PONG\r\n"));
        socket.on("error", () => {});
      }).listen(port, "127.0.0.1");
      await expectFault(
        attempt({ url: `nats://127.0.0.1:${port}` }),
        "server-too-old",
        "2.8.4",
        "2.9",
      );
    });
  });
});

describe("streams, consumers and buckets", () => {
  test("can be ensured again, beside data and for more nodes, without losing anything", async () => {
    const nats = await startTestNats({ nodes: ["a"] });
    try {
      const coordinator = await nats.connect("coordinator");
      const node = await nats.connect("node-a");
      await node.jetstream().publish(traceSubject("a"), "chunk", { msgID: "a-1" });
      await ensureTopology(coordinator, ["a", "b"]);
      const manager = await coordinator.jetstreamManager();
      expect((await manager.streams.info(eventStream)).state.messages).toBe(1);
      expect(await manager.streams.info("OBJ_workspaces-b")).toMatchObject({
        config: { discard: "new", allow_direct: false },
      });
    } finally {
      await nats.stop();
    }
  });

  test("take a message id once and refuse more than their limit instead of dropping the oldest", async () => {
    const nats = await startTestNats({ nodes: ["a"] });
    try {
      const coordinator = await nats.connect("coordinator");
      const node = await nats.connect("node-a");
      const publish = (id: string) =>
        node.jetstream().publish(traceSubject("a"), Buffer.alloc(2_000), { msgID: id });
      expect(await publish("a-1")).toMatchObject({ duplicate: false });
      expect(await publish("a-1")).toMatchObject({ duplicate: true });
      const manager = await coordinator.jetstreamManager();
      await manager.streams.update(eventStream, { max_bytes: 3_000 });
      await expect(publish("a-2")).rejects.toMatchObject({
        api_error: { description: expect.stringContaining("maximum bytes exceeded") },
      });
      expect((await manager.streams.info(eventStream)).state.messages).toBe(1);
    } finally {
      await nats.stop();
    }
  });
});
