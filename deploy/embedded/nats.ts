import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../proto/log.ts";
import { spawnTethered, type TetheredProcess } from "../../proto/tether.ts";
import { isFree, keptPort, loopback } from "./kept-port.ts";
import { endLeftover } from "./leftover.ts";
import { type NatsUser, natsConfig } from "./nats-config.ts";
import type { NatsServerBinary } from "./nats-server-binary.ts";
import type { EmbeddedServer } from "./server.ts";
import { EmbeddedServerError } from "./server-error.ts";

/** A new server answers within a tenth of a second; reading back a large store takes longer. */
const readyLimitMs = 30_000;
const graceMs = 3_000;
const pollMs = 20;

/**
 * Starts nats-server with JetStream on a port of the loopback interface and returns when it answers.
 * Everything lies under `folder`; streams and port stay from one start to the next. The server ends
 * with this process, and one that an earlier process left behind on the same folder is ended first.
 *
 * @throws EmbeddedServerError when it does not start.
 */
export async function startNats(options: {
  readonly binary: NatsServerBinary;
  readonly folder: string;
  readonly users: readonly NatsUser[];
  /** Insists on a port, as a restart under running clients does; else the kept or a free one. */
  readonly port?: number;
  readonly log: Logger;
  /** Gives up starting. */
  readonly signal?: AbortSignal;
}): Promise<EmbeddedServer> {
  const { binary, folder, users, log, signal } = options;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const configFile = join(folder, "nats-server.conf");
  const logFile = join(folder, "nats-server.log");
  const pidFile = join(folder, "nats-server.pid");
  await endEarlierServer({ pidFile, configFile, log });

  const port = options.port ?? (await keptPort(join(folder, "port")));
  if (!(await isFree(port))) {
    throw new EmbeddedServerError(
      "nats-server",
      `port ${port} of ${loopback} is in use; stop the program that listens there`,
      {},
    );
  }
  const storeFolder = join(folder, "jetstream");
  const { version } = binary;
  writeFileSync(
    configFile,
    natsConfig({ host: loopback, port, storeFolder, pidFile, version, users }),
    {
      mode: 0o600,
    },
  );
  const output = openSync(logFile, "a", 0o600);
  let server: TetheredProcess;
  try {
    server = await spawnTethered({
      program: binary.path,
      arguments: ["-c", configFile],
      environment: {},
      workingFolder: folder,
      stdout: "ignore",
      stderr: output,
      stopSignal: "SIGTERM",
      graceMs,
    });
  } finally {
    closeSync(output);
  }
  if (!(await answers({ server, port, signal }))) {
    await server.stop();
    signal?.throwIfAborted();
    throw new EmbeddedServerError("nats-server", `${binary.path} does not serve`, { logFile });
  }
  log.info({ pid: server.pid, port, version }, "NATS runs");
  return { ...server, port, url: `nats://${loopback}:${port}` };
}

async function endEarlierServer(context: {
  readonly pidFile: string;
  readonly configFile: string;
  readonly log: Logger;
}): Promise<void> {
  const { pidFile, configFile, log } = context;
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, "utf8"));
  } catch {
    return;
  }
  const ended = await endLeftover({ pid, belongsTo: configFile, stopSignal: "SIGTERM", graceMs });
  if (ended) log.warn({ pid }, "ended the NATS server of an earlier lab");
}

/** Waits for the greeting of the server, or for its end. */
async function answers(context: {
  readonly server: TetheredProcess;
  readonly port: number;
  readonly signal: AbortSignal | undefined;
}): Promise<boolean> {
  const { server, port, signal } = context;
  let hasEnded = false;
  void server.exited.then(() => {
    hasEnded = true;
  });
  const deadline = performance.now() + readyLimitMs;
  while (!hasEnded && !signal?.aborted && performance.now() < deadline) {
    if (await greets(port)) return true;
    await delay(pollMs);
  }
  return false;
}

async function greets(port: number): Promise<boolean> {
  const socket = connect({ host: loopback, port });
  try {
    const [greeting] = await once(socket, "data", { signal: AbortSignal.timeout(1_000) });
    return String(greeting).startsWith("INFO ");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
