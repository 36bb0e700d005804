import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startNats } from "../../deploy/embedded/nats.ts";
import { labUsers } from "../../deploy/embedded/nats-config.ts";
import { findNatsServer } from "../../deploy/embedded/nats-server-binary.ts";
import type { EmbeddedServer } from "../../deploy/embedded/server.ts";
import { connectNats, type NatsConnection } from "../../proto/nats/connection.ts";
import { coordinatorUser } from "../../proto/nats/permissions.ts";
import { ensureTopology } from "../../proto/nats/topology.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { silentLog as log } from "./silent-log.ts";

/** A NATS server of a test file's own, with streams and buckets, and users for the names given. */
export interface TestNats {
  readonly server: EmbeddedServer;
  readonly url: string;
  /** The password of every user. */
  readonly password: string;
  /** A connection as one of the users; closed by `stop`. */
  connect(user: string): Promise<NatsConnection>;
  stop(): Promise<void>;
}

const password = "only-for-tests";

/**
 * Starts a fresh nats-server in a folder that `stop` removes. Users are `coordinator`, `node-NAME`
 * and `grader-NAME` with the permissions that a lab gives them.
 */
export async function startTestNats(
  names: { readonly nodes?: readonly string[]; readonly graders?: readonly string[] } = {},
): Promise<TestNats> {
  const { nodes = ["a", "b"], graders = ["g"] } = names;
  const binary = await findNatsServer({
    dataFolder: join(packageRoot, ".sweep"),
    environment: process.env,
  });
  if (binary === undefined) throw new Error("no nats-server; the global set-up installs one");
  const folder = mkdtempSync(join(tmpdir(), "sweep-nats-"));
  const server = await startNats({
    binary,
    folder,
    log,
    users: labUsers({ nodes, graders, password: () => password }),
  });
  const connections: NatsConnection[] = [];
  const connect = async (user: string): Promise<NatsConnection> => {
    const connection = await connectNats({ url: server.url, user, password, log });
    connections.push(connection);
    return connection;
  };
  await ensureTopology(await connect(coordinatorUser), nodes);
  return {
    server,
    url: server.url,
    password,
    connect,
    stop: async () => {
      await Promise.all(connections.map((connection) => connection.close()));
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
