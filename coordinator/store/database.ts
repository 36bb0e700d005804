import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";
import { z } from "zod";
import { packageRoot } from "../../proto/package-root.ts";

/** Typed access to the tables; the pool behind it is closed by {@link Database.close}. */
export type Queries = PostgresJsDatabase;
/** A transaction, or the pool itself where one statement is enough. */
export type Transaction = Parameters<Parameters<Queries["transaction"]>[0]>[0];

/** The coordinator's Postgres, migrated to what this program knows. */
export interface Database {
  readonly queries: Queries;
  /**
   * Runs `work` in one transaction and again from its start when Postgres asks for it (a deadlock or
   * a serialization failure). `work` must therefore have no effect outside the database.
   */
  transact<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** The database cannot be used; the message says what to do about it. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
}

/** SQLSTATEs after which the same transaction may succeed: deadlock, serialization failure. */
const repeatable = new Set(["40P01", "40001"]);
const maxTransactionTries = 5;
const migrationsFolder = join(packageRoot, "migrations");
const journalSchema = z.object({
  entries: z.array(z.object({ when: z.number(), tag: z.string() })),
});

/**
 * Connects, refuses a database that a newer program has migrated, and applies missing migrations.
 * @throws DatabaseError if it is unreachable, refuses the credentials or is newer than this program.
 */
export async function openDatabase(url: string): Promise<Database> {
  const client = connectPool(url);
  const shown = withoutPassword(url);
  try {
    await client`select 1`;
  } catch (cause) {
    await client.end({ timeout: 0 });
    throw new DatabaseError(
      `cannot use the database ${shown}: ${describe(cause)}. Check SWEEP_DATABASE_URL and that Postgres runs there.`,
      { cause },
    );
  }
  const queries = drizzle(client);
  try {
    await refuseNewer(client, shown);
    await migrate(queries, { migrationsFolder });
  } catch (cause) {
    await client.end({ timeout: 0 });
    if (cause instanceof DatabaseError) throw cause;
    throw new DatabaseError(`cannot migrate the database ${shown}: ${describe(cause)}`, { cause });
  }
  return {
    queries,
    transact: (work) => transactRepeatedly(queries, work),
    close: () => client.end({ timeout: 5 }),
  };
}

/**
 * postgres.js leaves Nagle's algorithm on, which costs 40 ms and more for statements that span
 * packets; the socket is made here to switch it off.
 */
function connectPool(url: string): postgres.Sql {
  // A variable of its own, since the library's types do not know the option `socket`.
  const options = {
    max: 10,
    connect_timeout: 10,
    onnotice: () => undefined,
    connection: { application_name: "harness-sweep coordinator", TimeZone: "UTC" },
    socket: connectWithoutDelay,
  };
  return postgres(url, options);
}

function connectWithoutDelay(options: { host: string[]; port: number[] }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: options.host[0] ?? "127.0.0.1",
      port: options.port[0] ?? 5432,
      noDelay: true,
    });
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

async function refuseNewer(client: postgres.Sql, shown: string): Promise<void> {
  const [present] = await client`select to_regclass('drizzle.__drizzle_migrations') as migrations`;
  if (present?.["migrations"] === null) return;
  const journal = journalSchema.parse(
    JSON.parse(await readFile(join(migrationsFolder, "meta", "_journal.json"), "utf8")),
  );
  const known = Math.max(...journal.entries.map((entry) => entry.when));
  const [newest] =
    await client`select max(created_at)::float8 as created_at from drizzle.__drizzle_migrations`;
  const applied = z.object({ created_at: z.number().nullable() }).parse(newest).created_at ?? 0;
  if (applied > known) {
    throw new DatabaseError(
      `the database ${shown} was migrated by a newer harness-sweep (its last migration is of ${new Date(applied).toISOString()}, the last one known here of ${new Date(known).toISOString()}). Run that version or a later one.`,
    );
  }
}

async function transactRepeatedly<Result>(
  queries: Queries,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await queries.transaction(work);
    } catch (error) {
      if (tries >= maxTransactionTries || !repeatable.has(sqlState(error) ?? "")) throw error;
    }
  }
}

/** SQLSTATE of a failed statement, looked for through the wrappers of drizzle. */
export function sqlState(error: unknown): string | undefined {
  if (error instanceof postgres.PostgresError) return error.code;
  return error instanceof Error && error.cause !== undefined ? sqlState(error.cause) : undefined;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return "(not a URL)";
  const parsed = new URL(url);
  parsed.password = "";
  return parsed.toString();
}

/** Codes of postgres.js and Node for a connection that failed or broke. */
const connectionCodes =
  /^(?:CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND)/;
/** SQLSTATE classes of a server that is away or full: connection, resources, intervention, system. */
const awayClasses = /^(?:08|53|57|58)/;

/** Whether a statement failed because the database was away or full, so that it may succeed later. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code: unknown = "code" in error ? error.code : undefined;
  if (typeof code === "string" && (connectionCodes.test(code) || awayClasses.test(code)))
    return true;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseAway);
  return isDatabaseAway(error.cause);
}
