import { sql } from "drizzle-orm";
import type { Database } from "../../coordinator/store/database.ts";
import { attempts } from "../../coordinator/store/schema.ts";
import { traceChunks } from "../../coordinator/store/trace-tables.ts";

/** Makes the attempts and traces of a database as old as if they had come `seconds` earlier. */
export async function letPassIn({ queries }: Database, seconds: number): Promise<void> {
  const earlier = sql`- make_interval(secs => ${seconds})`;
  await queries.update(traceChunks).set({ storedAt: sql`stored_at ${earlier}` });
  await queries
    .update(attempts)
    .set({ endedAt: sql`ended_at ${earlier}`, resultAt: sql`result_at ${earlier}` });
}
