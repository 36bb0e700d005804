import { type SQL, sql } from "drizzle-orm";
import type { z } from "zod";
import type { Queries, Transaction } from "./database.ts";

/** Whatever can run a statement. */
export type Executor = Queries | Transaction;

/** Rows of a statement written as SQL, checked against `row`: the edge where SQL becomes typed. */
export async function selectRows<Row extends z.ZodType>(
  executor: Executor,
  row: Row,
  statement: SQL,
): Promise<z.output<Row>[]> {
  return row.array().parse(await executor.execute(statement));
}

/** A list for `= any(...)`, in which drizzle would otherwise expand the array into parameters. */
export function textArray(values: readonly string[]): SQL {
  return sql`array[${sql.join(
    values.map((value) => sql`${value}`),
    sql`, `,
  )}]::text[]`;
}
