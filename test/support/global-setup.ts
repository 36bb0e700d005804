import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import type { TestProject } from "vitest/node";
import { openDatabase } from "../../coordinator/store/database.ts";
import { startPostgres } from "../../deploy/embedded/postgres.ts";
import { provision } from "../../deploy/provision/provision.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { databaseUrl, templateDatabase } from "./postgres.ts";
import { silentLog } from "./silent-log.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Administrator's URL of the Postgres of this test run. */
    readonly postgresUrl: string;
  }
}

/**
 * Obtains the programs that tests need, then starts one Postgres for the tests of a project, in a
 * folder of its own, with a migrated database that each test file copies. Returns what takes it down
 * again.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  await provision({
    machine: {
      platform: process.platform,
      dataFolder: join(packageRoot, ".sweep"),
      environment: process.env,
    },
    print: (line) => void process.stderr.write(`${line}\n`),
    signal: new AbortController().signal,
  });
  const folder = mkdtempSync(join(tmpdir(), "sweep-postgres-"));
  // Run by root, Postgres runs under an account that must be able to reach the folder.
  chmodSync(folder, 0o755);
  const server = await startPostgres({ folder, log: silentLog });
  const administrator = postgres(server.url, { max: 1, onnotice: () => {} });
  await administrator`create database ${administrator(templateDatabase)}`;
  await administrator.end();
  await (await openDatabase(databaseUrl(server.url, templateDatabase))).close();
  project.provide("postgresUrl", server.url);
  return async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
