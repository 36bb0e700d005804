import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { readLines } from "./output-lines.ts";

async function linesOf(chunks: readonly Buffer[]): Promise<{ lines: string[]; bytes: number }> {
  const stream = new PassThrough();
  const lines: string[] = [];
  let bytes = 0;
  const done = readLines(
    stream,
    (line) => lines.push(line),
    (read) => {
      bytes += read;
    },
  );
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  await done;
  return { lines, bytes };
}

test("lines and characters that chunks cut in two are put together again", async () => {
  const whole = Buffer.from("one €\r\ntwo\n\nlast without an end");
  const cut = whole.indexOf("€") + 1;
  expect(await linesOf([whole.subarray(0, cut), whole.subarray(cut)])).toEqual({
    lines: ["one €", "two", "", "last without an end"],
    bytes: whole.byteLength,
  });
});

test("a line without end does not grow in memory for ever", async () => {
  const { lines } = await linesOf(Array.from({ length: 10 }, () => Buffer.alloc(1024 * 1024, "x")));
  expect(lines.map((line) => line.length / 1024 / 1024)).toEqual([4, 4, 2]);
});
