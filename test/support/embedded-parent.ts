import { join } from "node:path";
import { startNats } from "../../deploy/embedded/nats.ts";
import { findNatsServer } from "../../deploy/embedded/nats-server-binary.ts";
import { startPostgres } from "../../deploy/embedded/postgres.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { silentLog as log } from "./silent-log.ts";

/**
 * A process that starts an embedded server and waits, for tests that kill it.
 * Usage: `embedded-parent.ts postgres|nats FOLDER`; prints the pid of the server.
 */
const [, , kind, folder = ""] = process.argv;
const start = async () => {
  if (kind === "postgres") return startPostgres({ folder, log });
  const dataFolder = join(packageRoot, ".sweep");
  const binary = await findNatsServer({ dataFolder, environment: process.env });
  if (binary === undefined) throw new Error("no nats-server");
  return startNats({ binary, folder, users: [], log });
};
process.stdout.write(`${(await start()).pid}\n`);
