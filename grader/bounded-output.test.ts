import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BoundedOutput } from "./bounded-output.ts";

describe("bounded output", () => {
  test("keeps everything that fits, however it is cut into chunks", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 8 }), { maxLength: 5 }), (chunks) => {
        const output = new BoundedOutput(40);
        for (const chunk of chunks) output.add(chunk);
        expect(output.text()).toBe(Buffer.concat(chunks).toString());
      }),
    );
  });

  test("keeps both ends of a flood and counts what it cut", () => {
    const output = new BoundedOutput(8);
    for (const letter of "abcdefghijklmnop") output.add(Buffer.from(letter));
    expect(output.text()).toBe("abcd\n[8 bytes were cut here]\nmnop");
  });

  test("takes one chunk larger than the bound", () => {
    const output = new BoundedOutput(4);
    output.add(Buffer.from("abcdefgh"));
    expect(output.text()).toBe("ab\n[4 bytes were cut here]\ngh");
  });

  test("ends with its stream, also with one that breaks", async () => {
    const output = new BoundedOutput(100);
    const stream = new PassThrough();
    const reading = output.readFrom(stream);
    stream.write("before");
    await new Promise((resolve) => setImmediate(resolve));
    stream.destroy(new Error("broken"));
    await reading;
    expect(output.text()).toBe("before");
  });
});
