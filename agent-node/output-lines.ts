import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** A longer line is handed on in pieces of this many characters. */
const maxLineLength = 4 * 1024 * 1024;

/**
 * Hands each line of `stream` to `onLine`, without its end, and the size of whatever was read to
 * `onBytes`. Resolves when the stream has ended; a stream that breaks has ended too, since it breaks
 * only with the process behind it.
 */
export async function readLines(
  stream: Readable,
  onLine: (line: string) => void,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const decoder = new StringDecoder("utf8");
  let unfinished = "";
  stream.on("data", (chunk: Buffer) => {
    onBytes(chunk.byteLength);
    const parts = (unfinished + decoder.write(chunk)).split("\n");
    unfinished = parts.pop() ?? "";
    for (const part of parts) onLine(part.endsWith("\r") ? part.slice(0, -1) : part);
    while (unfinished.length >= maxLineLength) {
      onLine(unfinished.slice(0, maxLineLength));
      unfinished = unfinished.slice(maxLineLength);
    }
  });
  await new Promise<void>((resolve) => {
    stream.once("close", resolve);
    stream.once("end", resolve);
    stream.once("error", () => resolve());
  });
  const rest = unfinished + decoder.end();
  if (rest !== "") onLine(rest);
}
