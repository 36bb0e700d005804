import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gunzipSync, gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ArchiveError, packFolder, unpackArchive } from "./archive.ts";

const limits = { files: 100, bytes: 100_000 };
let scratch: string;
let source: string;
let target: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "sweep-archive-"));
  source = join(scratch, "source");
  target = join(scratch, "target");
  mkdirSync(source);
  mkdirSync(target);
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

/** An archive with entries as given, as a hostile program could make it. */
async function anArchive(
  ...entries: (Partial<Header> & { name: string; content?: string | Buffer })[]
): Promise<Buffer> {
  const tar = pack();
  for (const { content, ...header } of entries) tar.entry(header, content ?? "");
  tar.finalize();
  return gzipSync(await buffer(tar));
}

describe("packing a folder", () => {
  it("keeps files, folders and the executable bit, through unpacking", async () => {
    mkdirSync(join(source, "a/b"), { recursive: true });
    mkdirSync(join(source, "empty"));
    writeFileSync(join(source, "a/b/text"), "hello\n");
    writeFileSync(join(source, "run.sh"), "#!/bin/sh\n", { mode: 0o750 });
    writeFileSync(join(source, "ü — name"), "");
    const { archive, omissions } = await packFolder(source, limits);
    await unpackArchive(archive, target, limits);
    expect(readFileSync(join(target, "a/b/text"), "utf8")).toBe("hello\n");
    expect(statSync(join(target, "run.sh")).mode & 0o777).toBe(0o755);
    expect(readdirSync(target).sort()).toEqual(["a", "empty", "run.sh", "ü — name"]);
    expect(omissions).toEqual([]);
  });

  it("gives the same bytes for the same content, whatever the order and times of its making", async () => {
    const other = join(scratch, "other");
    mkdirSync(other);
    for (const name of ["x", "y", "z"]) writeFileSync(join(source, name), name);
    for (const name of ["z", "y", "x"]) writeFileSync(join(other, name), name, { mode: 0o600 });
    execFileSync("touch", ["-d", "2001-01-01", join(other, "x")]);
    expect((await packFolder(other, limits)).digest).toBe(
      (await packFolder(source, limits)).digest,
    );
  });

  it("names its content by what a tar holds, not by how it was compressed", async () => {
    writeFileSync(join(source, "a"), "content");
    const { archive, contentDigest } = await packFolder(source, limits);
    const tar = gunzipSync(archive);
    expect(createHash("sha256").update(tar).digest("hex")).toBe(contentDigest);
  });

  it("never follows a link, and says what it left out", async () => {
    writeFileSync(join(scratch, "secret"), "secret");
    symlinkSync("../secret", join(source, "link"));
    symlinkSync("..", join(source, "up"));
    execFileSync("mkfifo", [join(source, "pipe")]);
    const { archive, omissions } = await packFolder(source, limits);
    expect(omissions).toEqual([
      "link: a symbolic link is not kept",
      "pipe: a named pipe is not kept",
      "up: a symbolic link is not kept",
    ]);
    await unpackArchive(archive, target, limits);
    expect(readdirSync(target)).toEqual([]);
  });

  it("leaves out what does not fit, and keeps the rest", async () => {
    writeFileSync(join(source, "a-small"), "a");
    writeFileSync(join(source, "b-huge"), Buffer.alloc(limits.bytes));
    writeFileSync(join(source, "c-small"), "c");
    const { archive, omissions } = await packFolder(source, limits);
    await unpackArchive(archive, target, limits);
    expect(readdirSync(target).sort()).toEqual(["a-small", "c-small"]);
    expect(omissions).toEqual(["b-huge: its 100000 bytes would make more than 100000 in all"]);
  });

  it("bounds the number of files, and the list of what it left out", async () => {
    for (let index = 0; index < 200; index += 1) writeFileSync(join(source, `f${index}`), "");
    const { archive, omissions } = await packFolder(source, limits);
    await unpackArchive(archive, target, limits);
    expect(readdirSync(target)).toHaveLength(100);
    expect(omissions).toHaveLength(51);
    expect(omissions.at(-1)).toBe("and 50 more");
  });

  it("leaves out a name that is not UTF-8", async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0x61, 0xff])]), "");
    const { omissions } = await packFolder(source, limits);
    expect(omissions).toHaveLength(1);
    expect(omissions[0]).toContain("its name is not UTF-8");
  });
});

describe("unpacking an archive", () => {
  it.each<[string, Partial<Header> & { name: string; content?: string }]>([
    ["a path upwards", { name: "../outside", content: "x" }],
    ["a path upwards in the middle", { name: "a/../../outside", content: "x" }],
    ["an absolute path", { name: "/tmp/outside", content: "x" }],
    ["a symbolic link", { name: "link", type: "symlink", linkname: "/etc/passwd" }],
    ["a hard link", { name: "link", type: "link", linkname: "/etc/passwd" }],
    ["a character device", { name: "device", type: "character-device", devmajor: 1, devminor: 3 }],
    ["a block device", { name: "device", type: "block-device" }],
    ["a named pipe", { name: "pipe", type: "fifo" }],
    ["a name that is too long", { name: "n".repeat(256), content: "x" }],
    ["a path that is too deep", { name: "d/".repeat(65).concat("x"), content: "x" }],
    ["an empty step", { name: "a//b", content: "x" }],
  ])("refuses %s and makes nothing outside", async (_what, entry) => {
    const archive = await anArchive(entry);
    await expect(unpackArchive(archive, target, limits)).rejects.toThrow(ArchiveError);
    expect(readdirSync(scratch).sort()).toEqual(["source", "target"]);
    expect(readdirSync(target)).toEqual([]);
  });

  it("refuses a file that comes twice, so that the second cannot replace the first", async () => {
    const archive = await anArchive({ name: "a", content: "1" }, { name: "./a", content: "2" });
    await expect(unpackArchive(archive, target, limits)).rejects.toThrow('"a" occurs twice');
    expect(readFileSync(join(target, "a"), "utf8")).toBe("1");
  });

  it("refuses a file that is a folder, too", async () => {
    const archive = await anArchive({ name: "a", content: "1" }, { name: "a/b", content: "2" });
    await expect(unpackArchive(archive, target, limits)).rejects.toThrow("is a file and a folder");
  });

  it("refuses too many files", async () => {
    const archive = await anArchive(
      ...Array.from({ length: 101 }, (_, index) => ({ name: `f${index}` })),
    );
    await expect(unpackArchive(archive, target, limits)).rejects.toThrow("more than 100 files");
  });

  it("refuses too many bytes, spread over files or in one", async () => {
    const spread = await anArchive(
      ...Array.from({ length: 3 }, (_, index) => ({
        name: `f${index}`,
        content: Buffer.alloc(40_000),
      })),
    );
    await expect(unpackArchive(spread, target, limits)).rejects.toThrow("more than 100000 bytes");
  });

  it("stops a bomb long before it has unpacked", async () => {
    const bomb = await anArchive({ name: "zeros", content: Buffer.alloc(50_000_000) });
    expect(bomb.length).toBeLessThan(100_000);
    await expect(unpackArchive(bomb, target, limits)).rejects.toThrow(ArchiveError);
    expect(statSync(join(target, "zeros")).size).toBeLessThanOrEqual(limits.bytes);
  });

  it.each([
    ["not gzip", Buffer.from("plain")],
    ["cut short", gzipSync(Buffer.alloc(2_000, "x")).subarray(0, 20)],
    ["not a tar", gzipSync(Buffer.alloc(2_000, "x"))],
    ["empty", Buffer.alloc(0)],
  ])("refuses bytes that are %s", async (_what, bytes) => {
    await expect(unpackArchive(bytes, target, limits)).rejects.toThrow(ArchiveError);
  });

  it("does not write into a folder that holds something", async () => {
    writeFileSync(join(target, "there"), "");
    await expect(unpackArchive(await anArchive(), target, limits)).rejects.toThrow("is not empty");
  });
});
