import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import postgres from "postgres";
import type { Logger } from "../../proto/log.ts";
import { spawnTethered, type TetheredProcess } from "../../proto/tether.ts";
import { isFree, keptPort, loopback } from "./kept-port.ts";
import { postgresBinaries } from "./postgres-binaries.ts";
import { clearEarlierPostmaster, preparePostgresData } from "./postgres-data.ts";
import type { EmbeddedServer } from "./server.ts";
import { EmbeddedServerError } from "./server-error.ts";
import { accountBesideRoot } from "./unprivileged.ts";

/** Recovery after a crash replays the log: a second for a lab's database, more on a slow disk. */
const readyLimitMs = 60_000;
/** A fast shutdown writes out what is in memory. */
const graceMs = 3_500;
const pollMs = 25;
/**
 * Sessions of a postmaster that was killed end within moments and hold its shared memory until
 * then, so a start may fail a few times.
 */
const startTries = 10;
const betweenTriesMs = 500;

/**
 * Starts Postgres on a port of the loopback interface and returns when it answers a query. The first
 * start creates the database cluster with a random password; data, password and port stay from one
 * start to the next. The server ends with this process, and one that an earlier process left behind
 * on the same folder is ended first. As root it runs under an unprivileged account, since Postgres
 * refuses root.
 *
 * @throws EmbeddedServerError when it does not start.
 */
export async function startPostgres(options: {
  readonly folder: string;
  /** Insists on a port, as a restart under running clients does; else the kept or a free one. */
  readonly port?: number;
  readonly log: Logger;
  /** Gives up starting. */
  readonly signal?: AbortSignal;
}): Promise<EmbeddedServer> {
  const { folder, log, signal } = options;
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const account = accountBesideRoot();
  const binaries = postgresBinaries(account);
  const { dataFolder, password } = await preparePostgresData({ folder, binaries, account, log });
  await clearEarlierPostmaster({ dataFolder, log });

  const port = options.port ?? (await keptPort(join(folder, "port")));
  if (!(await isFree(port))) {
    throw new EmbeddedServerError(
      "postgres",
      `port ${port} of ${loopback} is in use; stop the program that listens there`,
      {},
    );
  }
  const url = `postgres://postgres:${password}@${loopback}:${port}/postgres`;
  const logFile = join(folder, "postgres.log");
  for (let attempt = 1; attempt <= startTries; attempt += 1) {
    const output = openSync(logFile, "a", 0o600);
    const server = await spawnTethered({
      program: join(binaries, "bin/postgres"),
      arguments: ["-D", dataFolder, ...postgresSettings(port)],
      environment: { LC_ALL: "C", TZ: "UTC" },
      workingFolder: dataFolder,
      stdout: "ignore",
      stderr: output,
      // Postgres' fast shutdown: sessions are ended, nothing needs recovery at the next start.
      stopSignal: "SIGINT",
      graceMs,
      ...(account === undefined ? {} : { account }),
    }).finally(() => closeSync(output));
    switch (await becomesReady({ server, url, signal })) {
      case "ready":
        log.info({ pid: server.pid, port }, "Postgres runs");
        return { ...server, port, url };
      case "ended":
        log.warn({ attempt }, "Postgres ended while starting");
        await delay(betweenTriesMs, undefined, { signal });
        break;
      case "silent":
        await server.stop();
        signal?.throwIfAborted();
        throw new EmbeddedServerError("postgres", `no answer in ${readyLimitMs} ms`, { logFile });
    }
  }
  throw new EmbeddedServerError("postgres", `ended ${startTries} times while starting`, {
    logFile,
  });
}

function postgresSettings(port: number): string[] {
  const settings = {
    port,
    listen_addresses: loopback,
    // A socket's path is limited to about 100 bytes, which a data folder may exceed.
    unix_socket_directories: "",
    max_connections: 100,
    // A commit that was answered survives a power cut. With batched writes this costs nearly nothing.
    synchronous_commit: "on",
    // The default on macOS leaves the data in the drive's cache.
    ...(process.platform === "darwin" ? { wal_sync_method: "fsync_writethrough" } : {}),
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function becomesReady(options: {
  readonly server: TetheredProcess;
  readonly url: string;
  readonly signal: AbortSignal | undefined;
}): Promise<"ready" | "ended" | "silent"> {
  const { server, url, signal } = options;
  let hasEnded = false;
  void server.exited.then(() => {
    hasEnded = true;
  });
  const deadline = performance.now() + readyLimitMs;
  while (performance.now() < deadline && !signal?.aborted) {
    if (hasEnded) return "ended";
    if (await answersQuery(url)) return "ready";
    await delay(pollMs);
  }
  return "silent";
}

/** A query, since the port answers before recovery is over. */
async function answersQuery(url: string): Promise<boolean> {
  const client = postgres(url, { max: 1, connect_timeout: 2, onnotice: () => {} });
  try {
    await client`select 1`;
    return true;
  } catch {
    return false;
  } finally {
    await client.end({ timeout: 0 });
  }
}
