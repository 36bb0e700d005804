import { describe, expect, it } from "vitest";
import { maxLineBytes, maxWholeBytes, readAnswer } from "./answer-reader.ts";

function reading(contentType: string) {
  const messages: unknown[] = [];
  return { messages, reader: readAnswer(contentType, (message) => messages.push(message)) };
}
const stream = 'event: a\ndata: {"n":"ü"}\n\n: ping\n\ndata: {"n":2}\r\n\r\ndata: [DONE]\n\n';

describe("reading along a stream", () => {
  it("finds each event's data, wherever the chunks are cut", () => {
    const bytes = Buffer.from(stream);
    for (let size = 1; size <= bytes.length; size += 1) {
      const { messages, reader } = reading("text/event-stream; charset=utf-8");
      for (let start = 0; start < bytes.length; start += size)
        reader.push(bytes.subarray(start, start + size));
      reader.end();
      expect(messages).toEqual([{ n: "ü" }, { n: 2 }]);
    }
  });

  it("reads a last line that has no end", () => {
    const { messages, reader } = reading("text/event-stream");
    reader.push(Buffer.from('data: {"n":1}'));
    reader.end();
    expect(messages).toEqual([{ n: 1 }]);
  });

  it("holds no more than a line of a stream of any length", () => {
    const { messages, reader } = reading("text/event-stream");
    const event = Buffer.from(`data: {"text":"${"x".repeat(1000)}"}\n\ndata: {"half`);
    let most = 0;
    for (let index = 0; index < 10_000; index += 1) {
      reader.push(event);
      most = Math.max(most, reader.bufferedBytes());
    }
    expect(most).toBeLessThan(event.length);
    expect(messages.length).toBeGreaterThan(0);
  });

  it("drops a line beyond the bound and reads on after it", () => {
    const { messages, reader } = reading("text/event-stream");
    const chunk = Buffer.alloc(64 * 1024, "x");
    for (let bytes = 0; bytes < 4 * maxLineBytes; bytes += chunk.length) {
      reader.push(chunk);
      expect(reader.bufferedBytes()).toBeLessThanOrEqual(maxLineBytes);
    }
    reader.push(Buffer.from('\ndata: {"n":1}\n'));
    expect(messages).toEqual([{ n: 1 }]);
  });
});

describe("reading along a whole answer", () => {
  it("reads it at its end", () => {
    const { messages, reader } = reading("application/json");
    reader.push(Buffer.from('{"n":'));
    reader.push(Buffer.from("1}"));
    expect(messages).toEqual([]);
    reader.end();
    expect(messages).toEqual([{ n: 1 }]);
  });

  it("passes over one that is too long or no JSON", () => {
    const { messages, reader } = reading("application/json");
    for (let index = 0; index < 10; index += 1) reader.push(Buffer.alloc(maxWholeBytes / 8, "1"));
    expect(reader.bufferedBytes()).toBeLessThanOrEqual(maxWholeBytes);
    reader.end();
    const broken = reading("text/html");
    broken.reader.push(Buffer.from("<html>"));
    broken.reader.end();
    expect([...messages, ...broken.messages]).toEqual([]);
  });
});
