import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { digestWeights, shards } from "./weights-digest.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "weights-digest-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const put = (name: string, content: string) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  utimesSync(path, 1000, 1000);
  return path;
};
const digest = (weightsPath: string, kind: "gguf" | "scripted" = "gguf") =>
  digestWeights({
    kind,
    weightsPath,
    memoryPath: join(folder, "memory.json"),
    signal: new AbortController().signal,
  });

describe("the digest of weights", () => {
  it("is that of the file where there is one", async () => {
    expect(await digest(put("a.gguf", "weights"))).toBe(sha256("weights"));
  });

  it("covers every shard", async () => {
    const first = put("m-00001-of-00002.gguf", "one");
    put("m-00002-of-00002.gguf", "two");
    const before = await digest(first);
    put("m-00002-of-00002.gguf", "three");
    expect(await digest(first)).not.toBe(before);
    expect(shards("/d/m-00001-of-00003.gguf")).toEqual([
      "/d/m-00001-of-00003.gguf",
      "/d/m-00002-of-00003.gguf",
      "/d/m-00003-of-00003.gguf",
    ]);
  });

  it("is remembered for a file of unchanged size and time", async () => {
    const path = put("a.gguf", "weights");
    await digest(path);
    put("a.gguf", "WEIGHTS");
    expect(await digest(path)).toBe(sha256("weights"));
    utimesSync(path, 2000, 2000);
    expect(await digest(path)).toBe(sha256("WEIGHTS"));
  });

  it("is worked out anew when the memory is damaged", async () => {
    const path = put("a.gguf", "weights");
    put("memory.json", "{ half");
    expect(await digest(path)).toBe(sha256("weights"));
    expect(readFileSync(join(folder, "memory.json"), "utf8")).toContain(sha256("weights"));
  });

  it("covers the answers of a scripted model", async () => {
    const skill = "skill: { default: { right: 1, stall: 0 } }";
    const path = put(
      "m.yaml",
      `format: harness-sweep/scripted-model/1\nanswers: answers\n${skill}`,
    );
    mkdirSync(join(folder, "answers"));
    put("answers/a.py", "right");
    const before = await digest(path, "scripted");
    put("answers/a.py", "better");
    expect(await digest(path, "scripted")).not.toBe(before);
  });

  it("cannot be given for a file that is absent", async () => {
    await expect(digest(join(folder, "none.gguf"))).rejects.toThrow("ENOENT");
  });
});
