import { fromJson, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { and, eq, isNull, or } from "drizzle-orm";
import { z } from "zod";
import { CapabilitiesSchema } from "../../proto/gen/sweep/v1/node_pb.ts";
import type { NodeDetailSchema } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { isIdentifier } from "../../proto/identifiers.ts";
import type { Queries } from "../store/database.ts";
import { leases, nodes } from "../store/schema.ts";
import { NotFoundError } from "./errors.ts";

type NodeDetail = MessageInitShape<typeof NodeDetailSchema>;

/** All nodes that ever joined, by name. */
export async function listNodes(
  queries: Queries,
  isConnected: (nodeId: string) => boolean,
): Promise<NodeDetail[]> {
  const rows = await queries.select().from(nodes).orderBy(nodes.name);
  const held = await queries
    .select({ nodeId: leases.nodeId, runId: leases.runId })
    .from(leases)
    .where(isNull(leases.releasedAt))
    .orderBy(leases.runId);
  return rows.map(
    (row): NodeDetail => ({
      nodeId: row.id,
      name: row.name,
      connected: isConnected(row.id),
      draining: row.draining,
      lastSeenAt: timestampFromDate(row.lastSeenAt),
      programVersion: row.programVersion,
      loadedModel: row.loadedModel,
      capabilities: fromJson(CapabilitiesSchema, z.json().parse(row.capabilities), {
        ignoreUnknownFields: true,
      }),
      running: held.filter(({ nodeId }) => nodeId === row.id).map(({ runId }) => String(runId)),
    }),
  );
}

/**
 * Sets whether a node takes new runs; the one it is at is finished.
 * @returns the node's identifier
 * @throws NotFoundError
 */
export async function setNodeDraining(
  queries: Queries,
  nameOrId: string,
  draining: boolean,
): Promise<string> {
  const byName = eq(nodes.name, nameOrId);
  const [row] = await queries
    .update(nodes)
    .set({ draining })
    .where(and(isIdentifier(nameOrId) ? or(byName, eq(nodes.id, nameOrId)) : byName))
    .returning({ id: nodes.id });
  if (row === undefined) {
    throw new NotFoundError(`there is no node "${nameOrId}"; \`sweep nodes\` shows them`);
  }
  return row.id;
}
