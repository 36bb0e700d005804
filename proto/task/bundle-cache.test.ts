import { createHash } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { taskBundle } from "./bundle-cache.ts";

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "bundles-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const bundle = Buffer.from("instruction and starter");
const digest = sha256(bundle);
const other = async (): Promise<Buffer> => Buffer.from("other");
const absent = async (): Promise<null> => null;
const unreachable = (): Promise<never> => Promise.reject(new Error("timeout"));

describe("task bundles", () => {
  test("are fetched once and then come from disk", async () => {
    const first = await taskBundle({ folder, digest, fetch: async () => bundle, nowMs: 1 });
    const second = await taskBundle({ folder, digest, fetch: unreachable, nowMs: 2 });
    expect(second).toEqual(first);
  });

  test("that were altered on disk are fetched again", async () => {
    await writeFile(join(folder, `${digest}.tar.gz`), "altered");
    expect(await taskBundle({ folder, digest, fetch: async () => bundle, nowMs: 1 })).toEqual(
      bundle,
    );
  });

  test("with other bytes than their digest says are refused and not kept", async () => {
    await expect(taskBundle({ folder, digest, fetch: other, nowMs: 1 })).rejects.toThrow(
      /other bytes/,
    );
    expect(await readdir(folder)).toEqual([]);
  });

  test("name what failed: a store that is away, an object that is absent, a digest that is none", async () => {
    await expect(taskBundle({ folder, digest, fetch: unreachable, nowMs: 1 })).rejects.toThrow(
      /did not give it/,
    );
    await expect(taskBundle({ folder, digest, fetch: absent, nowMs: 1 })).rejects.toThrow(
      /does not have it/,
    );
    const bad = taskBundle({ folder, digest: "../node-id", fetch: absent, nowMs: 1 });
    await expect(bad).rejects.toThrow(/no SHA-256/);
  });

  test("beyond the bound the one unused for longest goes", async () => {
    const many = Array.from({ length: 66 }, (_, number) => Buffer.from(`bundle ${number}`));
    for (const [number, one] of many.entries()) {
      await taskBundle({
        folder,
        digest: sha256(one),
        fetch: async () => one,
        nowMs: number * 10_000,
      });
    }
    const kept = await readdir(folder);
    expect(kept).toHaveLength(64);
    expect(kept).not.toContain(`${sha256(many[0]!)}.tar.gz`);
    expect(kept).toContain(`${sha256(many[65]!)}.tar.gz`);
  });
});
