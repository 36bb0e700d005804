import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { packageRoot } from "../../proto/package-root.ts";
import { sweep } from "../support/cli.ts";

const digestsSchema = z.strictObject({
  task: z.string(),
  publicDigest: z.string().regex(/^[0-9a-f]{64}$/),
  hiddenDigest: z.string().regex(/^[0-9a-f]{64}$/),
});

test("`tasks check` proves a task by its variants", async () => {
  const { exitCode, stdout } = await sweep([
    "tasks",
    "check",
    "sql1_recursive",
    "--repeats",
    "1",
    "--json",
  ]);
  const rows = stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  expect(rows).toContainEqual(
    expect.objectContaining({ task: "sql1_recursive", kind: "solution", ok: true }),
  );
  expect(rows).toContainEqual(expect.objectContaining({ kind: "wrong", expected: "failed" }));
  expect(exitCode).toBe(0);
});

test("`tasks check` of a task that is not there ends with 2 and names those that are", async () => {
  const { exitCode, stderr } = await sweep(["tasks", "check", "sql9_nowhere"]);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/no task sql9_nowhere.*sql1_recursive/);
});

describe("private tasks", () => {
  let folder: string;
  let environment: Record<string, string>;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sweep-private-"));
    environment = { SWEEP_TASKS: `${join(folder, "first")}:${join(folder, "second")}` };
    for (const name of ["first", "second"]) mkdirSync(join(folder, name));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("are started and taken in from elsewhere in the first of several folders, and published by digest alone", async () => {
    const started = await sweep(["tasks", "new", "p9_private", "--language", "python"], {
      environment,
    });
    expect(started).toMatchObject({ exitCode: 0, stderr: "" });
    expect(started.stdout).toContain("now: sweep tasks check p9_private");
    renameSync(join(folder, "first", "p9_private"), join(folder, "second", "p9_private"));

    const ours = join(packageRoot, "tasks", "pt3_rope_gqa");
    const imported = await sweep(["tasks", "import", ours, "--name", "copied"], { environment });
    expect(imported).toMatchObject({ exitCode: 0, stderr: "" });
    expect(readdirSync(join(folder, "first"))).toEqual(["copied"]);

    const digests = async (words: readonly string[], own = {}) => {
      const { stdout } = await sweep(["tasks", "digest", "--json", ...words], { environment: own });
      return stdout
        .trim()
        .split("\n")
        .map((line) => digestsSchema.parse(JSON.parse(line)));
    };
    const [copied, fresh] = await digests([], environment);
    const [original] = await digests(["pt3_rope_gqa"]);
    expect([copied?.task, fresh?.task]).toEqual(["copied", "p9_private"]);
    expect(copied).toEqual({ ...original, task: "copied" });

    const check = join(folder, "second", "p9_private", "tests", "check.py");
    writeFileSync(check, `${readFileSync(check, "utf8")}\n`);
    const [, changed] = await digests([], environment);
    expect(changed?.publicDigest).toBe(fresh?.publicDigest);
    expect(changed?.hiddenDigest).not.toBe(fresh?.hiddenDigest);
  });

  test.each([
    [["tasks", "new", "../p9", "--language", "c"], /accepted: letters/],
    [["tasks", "import", "elsewhere"], /no task in Harbor's layout/],
    [["tasks", "digest", "p9"], /there is no task p9/],
  ])("%j ends with 2 and leaves nothing", async (words, why) => {
    const { exitCode, stderr } = await sweep(words, { environment });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(why);
    expect(readdirSync(folder).map((name) => readdirSync(join(folder, name)))).toEqual([[], []]);
  });
});
