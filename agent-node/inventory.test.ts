import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findModelFile, findModels, inspectMachine } from "./inventory.ts";

let root: string;
let folders: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "inventory-"));
  folders = [join(root, "one"), join(root, "two")];
  await mkdir(join(root, "one/deep"), { recursive: true });
  await mkdir(join(root, "two"));
  await writeFile(join(root, "one/deep/a.gguf"), "weights");
  await writeFile(
    join(root, "one/steady.yaml"),
    "# skill\nformat: harness-sweep/scripted-model/1\n",
  );
  await writeFile(join(root, "one/other.yaml"), "format: something/else\n");
  await writeFile(
    join(root, "two/steady.yaml"),
    "format: harness-sweep/scripted-model/1\nskill: {}\n",
  );
  await symlink(join(root, "one/deep/a.gguf"), join(root, "two/b.gguf"));
  await symlink(root, join(root, "two/circle"));
  await writeFile(join(root, "secret.gguf"), "not a model of the lab");
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

describe("inventory", () => {
  test("finds models by kind, through links to files, and takes the first of two with one path", async () => {
    expect(await findModels([...folders, join(root, "absent")])).toEqual([
      { kind: "gguf", path: "deep/a.gguf", sizeBytes: 7 },
      { kind: "scripted", path: "steady.yaml", sizeBytes: 47 },
      { kind: "gguf", path: "b.gguf", sizeBytes: 7 },
    ]);
  });

  test("a model's path does not lead out of the model folders", async () => {
    expect(await findModelFile(folders, "b.gguf")).toBe(join(root, "two/b.gguf"));
    expect(await findModelFile(folders, "../secret.gguf")).toBeNull();
    expect(await findModelFile(folders, "absent.gguf")).toBeNull();
  });

  test("knows this machine", async () => {
    const machine = await inspectMachine();
    expect(machine.chip).not.toBe("");
    expect(machine.memoryBytes).toBeGreaterThan(0);
  });
});
