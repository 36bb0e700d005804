import { inArray, sql } from "drizzle-orm";
import { z } from "zod";
import type { Database } from "../store/database.ts";
import { selectRows } from "../store/rows.ts";
import { grades } from "../store/verdict-tables.ts";
import type { ObjectPublisher } from "./object-publisher.ts";

const workspaceRow = z.object({ digest: z.string() });

/**
 * Makes room in the object store: removes the workspaces of grades that have their verdict, save
 * those that another open grade needs. Never at the same time as `dispatchGrades`, which may be about
 * to rely on one of them.
 */
export async function discardGraded(
  database: Database,
  objects: ObjectPublisher,
  gradeIds: readonly string[],
): Promise<void> {
  if (gradeIds.length === 0) return;
  const unneeded = await selectRows(
    database.queries,
    workspaceRow,
    sql`select distinct graded.workspace_digest as digest
        from grades join attempts as graded on graded.id = grades.attempt_id
        where ${inArray(grades.id, [...gradeIds])}
          and not exists (
            select from grades as open join attempts as waiting on waiting.id = open.attempt_id
            where open.state in ('queued', 'published')
              and waiting.workspace_digest = graded.workspace_digest)`,
  );
  for (const { digest } of unneeded) await objects.removeWorkspace(digest);
}
