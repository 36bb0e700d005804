import type { Readable } from "node:stream";

/** Bytes kept: more than any message of a sandbox program has. */
const headBytes = 4096;

/**
 * Keeps the first bytes of a stream that somebody else reads too.
 *
 * @returns the text, once the stream has ended or been closed
 */
export function keepHead(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let kept = 0;
  stream.on("data", (chunk: Buffer) => {
    if (kept >= headBytes) return;
    chunks.push(chunk.subarray(0, headBytes - kept));
    kept += chunk.length;
  });
  return new Promise((resolve) => {
    stream.once("close", () => resolve(Buffer.concat(chunks).toString("utf8").trim()));
  });
}
