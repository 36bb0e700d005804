import type { Readable } from "node:stream";

/**
 * What a process printed, as it came, when it may print without end: the first and the last `maxBytes / 2`
 * bytes, with a line between them that says how much was cut. All of it is read, so that the process never waits.
 */
export class BoundedOutput {
  private readonly halfBytes: number;
  private head = Buffer.alloc(0);
  private tail = Buffer.alloc(0);
  private cutBytes = 0;

  constructor(maxBytes: number) {
    this.halfBytes = Math.floor(maxBytes / 2);
  }

  /** Takes what `stream` gives; chunks of several streams stand in the order of their arrival. */
  readFrom(stream: Readable): Promise<void> {
    stream.on("data", (chunk: Buffer) => this.add(chunk));
    return new Promise((resolve) => {
      stream.once("close", resolve);
      stream.once("end", resolve);
      // It breaks only with the process behind it.
      stream.on("error", () => resolve());
    });
  }

  /** Appends `chunk`. */
  add(chunk: Uint8Array): void {
    const room = this.halfBytes - this.head.length;
    this.head = Buffer.concat([this.head, chunk.subarray(0, room)]);
    const rest = chunk.subarray(room);
    const excess = Math.max(0, this.tail.length + rest.length - this.halfBytes);
    this.cutBytes += excess;
    this.tail = Buffer.concat([this.tail, rest]).subarray(excess);
  }

  /** What was kept, as text; bytes that are no UTF-8 show as replacement characters. */
  text(): string {
    if (this.cutBytes === 0) return Buffer.concat([this.head, this.tail]).toString();
    return `${this.head.toString()}\n[${this.cutBytes} bytes were cut here]\n${this.tail.toString()}`;
  }
}
