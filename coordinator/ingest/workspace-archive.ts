import { eq } from "drizzle-orm";
import type { NatsConnection } from "nats";
import { sha256 } from "../../proto/digest.ts";
import type { AttemptResult } from "../../proto/gen/sweep/v1/event_pb.ts";
import type { Logger } from "../../proto/log.ts";
import { ObjectTooLargeError, objectsOf } from "../../proto/nats/objects.ts";
import { nodeWorkspaceBucket } from "../../proto/subjects.ts";
import { maxWorkspaceArchiveBytes } from "../../proto/workspace-limits.ts";
import type { Database } from "../store/database.ts";
import { workspaces } from "../store/schema.ts";

/** The workspace a result names: to be stored, nothing to store, not there yet, or unacceptable. */
export type ArchiveAnswer =
  | { readonly kind: "found"; readonly bytes: Buffer }
  | { readonly kind: "nothing" }
  | { readonly kind: "missing" }
  | { readonly kind: "bad"; readonly reason: string };

/** Where the final workspaces of attempts come from and go: node buckets in the object store. */
export interface WorkspaceArchives {
  fetch(sender: string, result: AttemptResult): Promise<ArchiveAnswer>;
  /** Removes a workspace that rests in Postgres now from its node's bucket. */
  discard(sender: string, result: AttemptResult): Promise<void>;
}

/** See {@link WorkspaceArchives}. `signal` ends fetches that wait for the server. */
export function workspaceArchives(
  connection: NatsConnection,
  database: Database,
  options: { readonly signal: AbortSignal; readonly log: Logger },
): WorkspaceArchives {
  const { signal, log } = options;
  const fetchObject = (sender: string, digest: string) =>
    objectsOf(connection, {
      bucket: nodeWorkspaceBucket(sender),
      maxBytes: maxWorkspaceArchiveBytes,
      signal,
    })(digest).catch((error: unknown) => {
      if (error instanceof ObjectTooLargeError) return error;
      throw error;
    });
  return {
    async fetch(sender, result) {
      if (result.workspace === undefined) return { kind: "nothing" };
      const { digest } = result.workspace;
      const known = await database.queries
        .select({ digest: workspaces.digest })
        .from(workspaces)
        .where(eq(workspaces.digest, digest));
      if (known.length > 0) return { kind: "nothing" };
      const bytes = await fetchObject(sender, digest);
      if (bytes instanceof ObjectTooLargeError) return bad(bytes.message);
      if (bytes === null) return { kind: "missing" };
      const found = sha256(bytes);
      if (found !== digest) return bad(`the workspace's digest is ${found}, not ${digest}`);
      return { kind: "found", bytes: Buffer.from(bytes) };
    },

    async discard(sender, result) {
      if (result.workspace === undefined) return;
      try {
        const bucket = await connection.jetstream().views.os(nodeWorkspaceBucket(sender));
        await bucket.delete(result.workspace.digest);
      } catch (error) {
        // It goes with the bucket's age limit.
        log.warn(
          { err: error, attemptId: result.attemptId },
          "a stored workspace stays in its bucket",
        );
      }
    },
  };
}

function bad(reason: string): ArchiveAnswer {
  return { kind: "bad", reason };
}
