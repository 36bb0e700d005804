import type { NatsConnection, ObjectStore } from "nats";
import { gradingBucket, hiddenTaskBucket, publicTaskBucket } from "../../proto/subjects.ts";

/** Puts what nodes and graders fetch by digest into the object store. */
export interface ObjectPublisher {
  publicTask(digest: string, bundle: Buffer): Promise<void>;
  hiddenTask(digest: string, bundle: Buffer): Promise<void>;
  workspace(digest: string, archive: Buffer): Promise<void>;
  /** Removes a workspace that no open grade needs; it stays in Postgres. */
  removeWorkspace(digest: string): Promise<void>;
}

/** See {@link ObjectPublisher}. Objects are named by digest, so one that is there is the right one. */
export function objectPublisher(connection: NatsConnection): ObjectPublisher {
  const bucket = (name: string) => connection.jetstream().views.os(name);
  const put = async (name: string, digest: string, bytes: Buffer) =>
    putOnce(await bucket(name), digest, bytes);
  return {
    publicTask: (digest, bundle) => put(publicTaskBucket, digest, bundle),
    hiddenTask: (digest, bundle) => put(hiddenTaskBucket, digest, bundle),
    workspace: (digest, archive) => put(gradingBucket, digest, archive),
    async removeWorkspace(digest) {
      await (await bucket(gradingBucket)).delete(digest);
    },
  };
}

async function putOnce(store: ObjectStore, digest: string, bytes: Buffer): Promise<void> {
  const present = await store.info(digest);
  if (present !== null && !present.deleted && present.size === bytes.length) return;
  await store.putBlob({ name: digest }, bytes);
}
