import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

/**
 * Writes what `source` yields to `sink`, pulling only while the sink has room, so that a slow reader
 * on the far side slows the source instead of filling memory. Does not end the sink.
 *
 * When it stops before the source's end, it tells the source to return and awaits its clean-up.
 *
 * @throws what the source throws, or the signal's reason
 */
export async function pump<Item>(
  source: AsyncIterable<Item>,
  sink: Writable,
  signal: AbortSignal,
): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await unlessAborted(iterator.next(), signal);
      if (next.done) return;
      if (!sink.write(next.value)) await unlessAborted(once(sink, "drain", { signal }), signal);
    }
  } catch (error) {
    await iterator.return?.();
    throw error;
  }
}

/**
 * Reads a grpc-js stream until it ends. Unlike the stream's own iterator it never destroys the
 * stream: leaving the iteration of a server call's requests must not end the call's responses.
 *
 * @throws the signal's reason when it aborts
 */
export async function* readEach<Item>(
  stream: Readable & { read(): Item | null },
  signal: AbortSignal,
): AsyncGenerator<Item, void, undefined> {
  for (;;) {
    signal.throwIfAborted();
    const item = stream.read();
    if (item !== null) yield item;
    else if (stream.readableEnded) return;
    else await readableOrEnded(stream, signal);
  }
}

/** What `promise` settles to, or the signal's reason if it aborts first. */
async function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return await new Promise<Value>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

async function readableOrEnded(stream: Readable, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const proceed = () => {
      stream.off("readable", proceed).off("end", proceed);
      signal.removeEventListener("abort", proceed);
      resolve();
    };
    stream.on("readable", proceed).on("end", proceed);
    signal.addEventListener("abort", proceed);
  });
}
