import { eq } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { acceptResult } from "../../coordinator/ingest/accept-result.ts";
import { type Grant, grantLeases } from "../../coordinator/leases/ledger.ts";
import { storeSweep } from "../../coordinator/operator/submit.ts";
import type { Database } from "../../coordinator/store/database.ts";
import { attempts, runs } from "../../coordinator/store/schema.ts";
import { grades } from "../../coordinator/store/verdict-tables.ts";
import { createTestDatabase, type TestDatabase } from "./postgres.ts";
import { aNode, aResult, aSubmission, aWorkspace } from "./submission.ts";

/** A ledger on a real database for tests; the bindings below are those of the test that runs. */

export const minute = 60_000;

let testDatabase: TestDatabase;
export let database: Database;
let sweepNumber = 0;
export let sweepId: string;
export let sweepName: string;
export let name1: string;
export let name2: string;
export let node1: string;
export let node2: string;

/** Gives the tests of a file a database of their own, and each test two nodes and a sweep of two runs. */
export function useLedger(): void {
  beforeAll(async () => {
    testDatabase = await createTestDatabase();
    database = testDatabase.database;
  });
  afterAll(() => testDatabase.drop());
  beforeEach(async () => {
    sweepName = `s${(sweepNumber += 1)}`;
    name1 = `${sweepName}-node-1`;
    name2 = `${sweepName}-node-2`;
    node1 = await aNode(database, name1);
    node2 = await aNode(database, name2);
    ({ sweepId } = await storeSweep(database, aSubmission({ name: sweepName, seeds: 2 }), false));
  });
}

export const sweepRuns = () =>
  database.queries.select().from(runs).where(eq(runs.sweepId, sweepId)).orderBy(runs.id);
export const firstRun = async () => (await sweepRuns())[0]!;
export const grant = async (runId: number, nodeId: string, ttlMs = minute): Promise<Grant> => {
  const granted = await database.transact((tx) => grantLeases(tx, [{ runId, nodeId }], ttlMs));
  expect(granted).toHaveLength(1);
  return granted[0]!;
};
export const accept = (
  sender: string,
  attempt: Grant,
  fields: Parameters<typeof aResult>[1] = {},
) => database.transact((tx) => acceptResult(tx, sender, aResult(attempt, fields), aWorkspace));
export const openGrade = async (attemptId: string) => {
  const all = await database.queries
    .select()
    .from(grades)
    .where(eq(grades.attemptId, attemptId))
    .orderBy(grades.number);
  return all.at(-1)!;
};
export const attemptOf = async ({ attemptId }: Grant) =>
  (await database.queries.select().from(attempts).where(eq(attempts.id, attemptId)))[0]!;
