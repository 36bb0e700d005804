import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { inject } from "vitest";
import { type Database, openDatabase } from "../../coordinator/store/database.ts";

/** Migrated and otherwise empty; each test database is a copy of it. */
export const templateDatabase = "sweep_template";

/** A database of a test file's own on the Postgres of the test run, migrated and empty. */
export interface TestDatabase {
  readonly url: string;
  readonly database: Database;
  /** Closes `database` and removes it. Fails when a test left a connection open. */
  drop(): Promise<void>;
}

/** `url` with another database in it. */
export function databaseUrl(url: string, name: string): string {
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

/** Creates a {@link TestDatabase} in a few hundredths of a second by copying the migrated template. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  const administrator = postgres(inject("postgresUrl"), { max: 1, onnotice: () => {} });
  await administrator`
    create database ${administrator(name)} template ${administrator(templateDatabase)}`;
  const url = databaseUrl(inject("postgresUrl"), name);
  const database = await openDatabase(url);
  return {
    url,
    database,
    drop: async () => {
      await database.close();
      try {
        await administrator`drop database ${administrator(name)}`;
      } finally {
        await administrator.end();
      }
    },
  };
}
