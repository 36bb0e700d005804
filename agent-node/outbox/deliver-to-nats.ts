import type { NatsConnection } from "nats";
import { nodeWorkspaceBucket, resultSubject, traceSubject } from "../../proto/subjects.ts";
import type { Deliver } from "./publisher.ts";

/** How long JetStream may take to acknowledge one message; the entry is tried again afterwards. */
const acknowledgeWithinMs = 5_000;

/**
 * Delivers entries to JetStream with the entry's id as message id, so that a repeated publish within
 * the stream's window is stored once. A result's workspace is in the node's bucket before the result
 * is published: who reads the result can fetch what it names.
 */
export function deliverToNats(connection: NatsConnection, nodeName: string): Deliver {
  const jetStream = connection.jetstream();
  const subjects = { trace: traceSubject(nodeName), result: resultSubject(nodeName) };
  return async (entry, { payload, archive }) => {
    if (archive !== null && entry.workspaceDigest !== null) {
      const bucket = await jetStream.views.os(nodeWorkspaceBucket(nodeName));
      const known = await bucket.info(entry.workspaceDigest);
      // Writing it again would take it away for a moment from who may be reading it.
      if (known === null || known.deleted) {
        await bucket.putBlob({ name: entry.workspaceDigest }, archive);
      }
    }
    await jetStream.publish(subjects[entry.kind], payload, {
      msgID: entry.id,
      timeout: acknowledgeWithinMs,
    });
  };
}
