import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "nats";

/** Gets the bytes of an object by its digest, null if there is none. */
export type FetchObject = (digest: string) => Promise<Uint8Array | null>;

/** An object is larger than its reader accepts; reading it again would not help. */
export class ObjectTooLargeError extends Error {
  override readonly name = "ObjectTooLargeError";
}

/**
 * Time in which an object must have come. The client library waits for ever when the server goes away
 * between two parts of an object.
 */
const fetchWithinMs = 60_000;

/**
 * Fetches objects from a bucket, which the caller has to be permitted. The function rejects when the
 * server does not answer in time, when `signal` aborts, and for an object of more than `maxBytes`.
 */
export function objectsOf(
  connection: NatsConnection,
  options: { readonly bucket: string; readonly maxBytes: number; readonly signal: AbortSignal },
): FetchObject {
  const { bucket, maxBytes, signal } = options;
  return async (digest) => {
    const fetched = new AbortController();
    const tooLate = async (): Promise<never> => {
      const stopped = AbortSignal.any([fetched.signal, signal]);
      await delay(fetchWithinMs, undefined, { signal: stopped });
      throw new Error(`bucket ${bucket} did not answer within ${fetchWithinMs} ms`);
    };
    try {
      return await Promise.race([fetch(connection, { bucket, digest, maxBytes }), tooLate()]);
    } finally {
      fetched.abort();
    }
  };
}

async function fetch(
  connection: NatsConnection,
  wanted: { readonly bucket: string; readonly digest: string; readonly maxBytes: number },
): Promise<Uint8Array | null> {
  const { bucket, digest, maxBytes } = wanted;
  const store = await connection.jetstream().views.os(bucket);
  const info = await store.info(digest);
  if (info === null || info.deleted) return null;
  if (info.size > maxBytes) {
    throw new ObjectTooLargeError(
      `object ${digest} of bucket ${bucket} has ${info.size} bytes; accepted: up to ${maxBytes}`,
    );
  }
  return store.getBlob(digest);
}
