import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Logger } from "../../proto/log.ts";
import { commandOf, endLeftover } from "./leftover.ts";
import { EmbeddedServerError } from "./server-error.ts";
import { type Account, isOpenToAll, placeOutside } from "./unprivileged.ts";

const initdbLimitMs = 60_000;
const stopLimitMs = 10_000;

/** A database cluster on disk and its superuser's password. */
export interface PostgresData {
  readonly dataFolder: string;
  readonly password: string;
}

/**
 * Finds the database cluster of `folder`, or creates it: UTF-8, C locale, superuser `postgres` with
 * a random password, which is kept in a file that only this user can read.
 *
 * Where `account` cannot reach `folder`, as below /root, the cluster lies in /var/lib/harness-sweep
 * and `folder` holds a link to it.
 *
 * @throws EmbeddedServerError when the cluster cannot be created, or its password is lost.
 */
export async function preparePostgresData(options: {
  readonly folder: string;
  readonly binaries: string;
  readonly account: Account | undefined;
  readonly log: Logger;
}): Promise<PostgresData> {
  const { folder, binaries, account, log } = options;
  const passwordFile = join(folder, "password");
  const home =
    account === undefined || isOpenToAll(folder) ? folder : placeOutside(resolve(folder));
  const dataFolder = join(home, "data");
  if (existsSync(join(dataFolder, "PG_VERSION"))) {
    if (!existsSync(passwordFile)) {
      throw new EmbeddedServerError(
        "postgres",
        `${passwordFile} is gone, which holds the password of the data in ${dataFolder}; ` +
          "put it back, or remove the data to start anew",
        {},
      );
    }
    return { dataFolder, password: readFileSync(passwordFile, "utf8").trim() };
  }

  const password = randomBytes(18).toString("base64url");
  // Written first: a cluster whose password was never kept could not be used.
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  await createCluster({ binaries, account, dataFolder, password });
  if (home !== folder) {
    rmSync(join(folder, "data"), { force: true });
    symlinkSync(dataFolder, join(folder, "data"));
    log.info({ dataFolder, account: account?.name }, "Postgres data lies outside the data folder");
  }
  return { dataFolder, password };
}

async function createCluster(options: {
  readonly binaries: string;
  readonly account: Account | undefined;
  readonly dataFolder: string;
  readonly password: string;
}): Promise<void> {
  const { binaries, account, dataFolder, password } = options;
  // Created beside and renamed when complete: an interrupted initdb leaves nothing that looks whole.
  const partial = `${dataFolder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  rmSync(dataFolder, { recursive: true, force: true });
  mkdirSync(dirname(dataFolder), { recursive: true, mode: 0o755 });
  mkdirSync(partial, { mode: 0o700 });
  const passwordFile = `${partial}.password`;
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account !== undefined) {
    chownSync(partial, account.uid, account.gid);
    chownSync(passwordFile, account.uid, account.gid);
  }
  try {
    await promisify(execFile)(
      join(binaries, "bin/initdb"),
      [
        `--pgdata=${partial}`,
        "--username=postgres",
        "--auth=scram-sha-256",
        `--pwfile=${passwordFile}`,
        "--encoding=UTF8",
        "--locale=C",
      ],
      {
        cwd: partial,
        env: { LC_ALL: "C", TZ: "UTC", PATH: process.env["PATH"] },
        timeout: initdbLimitMs,
        ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
      },
    );
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new EmbeddedServerError("postgres", `the database could not be created: ${said}`, {
      cause,
    });
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(partial, dataFolder);
}

/**
 * Makes way for a start on `dataFolder`: ends a server that still runs on it, and removes a lock file
 * whose process id belongs to another program by now, for which Postgres would wait for ever. Any
 * other stale lock Postgres recognises itself.
 */
export async function clearEarlierPostmaster(options: {
  readonly dataFolder: string;
  readonly log: Logger;
}): Promise<void> {
  const { dataFolder, log } = options;
  const lockFile = join(dataFolder, "postmaster.pid");
  if (!existsSync(lockFile)) return;
  const pid = Number(readFileSync(lockFile, "utf8").split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 1) return;
  const ended = await endLeftover({
    pid,
    belongsTo: dataFolder,
    stopSignal: "SIGINT",
    graceMs: stopLimitMs,
  });
  if (ended) {
    log.warn({ pid }, "ended the Postgres of an earlier lab");
  } else if ((await commandOf(pid)) !== undefined) {
    log.warn({ pid }, "removed a lock file of Postgres whose process id is another program's now");
    rmSync(lockFile, { force: true });
  }
}
