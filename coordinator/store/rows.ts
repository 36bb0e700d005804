import type { SQL } from "drizzle-orm";
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
