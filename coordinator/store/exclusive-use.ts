import { setTimeout as delay } from "node:timers/promises";
import pRetry from "p-retry";
import postgres from "postgres";
import type { Logger } from "../../proto/log.ts";
import { DatabaseError } from "./database.ts";

/** Any number that no other program on the same database uses for an advisory lock. */
const lockKey = 7_411_001;
/** A coordinator that was just killed may still hold the lock until Postgres notices. */
const patienceMs = 5_000;
const pauseMs = 200;

/** The right to be the one coordinator of a database. */
export interface ExclusiveUse {
  release(): Promise<void>;
}

/**
 * Takes the database for this coordinator alone, by an advisory lock on a connection of its own. A
 * lost connection is made again and the lock with it; if another coordinator was faster, `onLost` is
 * called, after which this one must stop.
 * @throws DatabaseError if another coordinator holds the database.
 */
export async function takeExclusiveUse(options: {
  readonly url: string;
  readonly onLost: (error: Error) => void;
  readonly log: Logger;
}): Promise<ExclusiveUse> {
  const { url, onLost, log } = options;
  let released = false;
  const client = postgres(url, {
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    onnotice: () => undefined,
    connection: { application_name: "harness-sweep coordinator lock" },
    onclose: () => {
      if (!released && held) void takeAgain();
    },
  });
  let held = false;
  try {
    await take();
  } catch (error) {
    released = true;
    await client.end({ timeout: 1 });
    throw error;
  }
  held = true;
  return {
    async release() {
      released = true;
      await client.end({ timeout: 1 });
    },
  };

  async function take(): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += pauseMs) {
      const [row] = await client`select pg_try_advisory_lock(${lockKey}) as taken`;
      if (row?.["taken"] === true) return;
      if (waitedMs >= patienceMs) {
        throw new DatabaseError(
          "another coordinator uses this database; stop it, or give this one a database of its own",
        );
      }
      await delay(pauseMs);
    }
  }

  async function takeAgain(): Promise<void> {
    held = false;
    log.warn("the connection that holds the database is lost, taking it again");
    try {
      await pRetry(take, {
        retries: Number.POSITIVE_INFINITY,
        minTimeout: pauseMs,
        maxTimeout: 5_000,
        shouldRetry: ({ error }) => !released && !(error instanceof DatabaseError),
      });
      held = true;
    } catch (error) {
      if (!released) onLost(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
