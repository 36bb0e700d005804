import type { MessageInitShape } from "@bufbuild/protobuf";
import type { SessionResponseSchema } from "../../proto/gen/sweep/v1/node_pb.ts";
import { MessageQueue } from "../../proto/rpc/message-queue.ts";

/** A message to a node. */
export type Outgoing = MessageInitShape<typeof SessionResponseSchema>;
type OutgoingBody = NonNullable<Outgoing["message"]>;

/** Messages to one node that may wait; a node that lets more pile up has stopped reading. */
const maxWaiting = 1_024;

/** One node's open session, from its Hello to its end. */
export interface Connection {
  readonly nodeId: string;
  readonly nodeName: string;
  readonly outgoing: MessageQueue<Outgoing>;
}

/** Who is connected to this coordinator now, and how to reach them. */
export class ConnectedNodes {
  readonly #byId = new Map<string, Connection>();

  /**
   * Takes a node in. A session of the same node that is still here has lost its other end, or the
   * node would not have dialled again; it is ended.
   */
  connect(nodeId: string, nodeName: string): Connection {
    this.#byId.get(nodeId)?.outgoing.end();
    const connection = { nodeId, nodeName, outgoing: new MessageQueue<Outgoing>(maxWaiting) };
    this.#byId.set(nodeId, connection);
    return connection;
  }

  disconnect(connection: Connection): void {
    connection.outgoing.end();
    if (this.#byId.get(connection.nodeId) === connection) this.#byId.delete(connection.nodeId);
  }

  isConnected(nodeId: string): boolean {
    return this.#byId.has(nodeId);
  }

  /** False if the node is not connected, or does not read what it is sent; its session ends then. */
  send(nodeId: string, message: OutgoingBody): boolean {
    const connection = this.#byId.get(nodeId);
    if (connection === undefined) return false;
    if (connection.outgoing.push({ message })) return true;
    this.disconnect(connection);
    return false;
  }

  /** As {@link send}, by name; for reports that are repeated on demand if they get lost. */
  sendByName(nodeName: string, message: OutgoingBody): void {
    for (const { nodeId, nodeName: name } of this.#byId.values()) {
      if (name === nodeName) this.send(nodeId, message);
    }
  }
}
