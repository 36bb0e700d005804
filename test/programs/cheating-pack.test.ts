import { randomUUID } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { parse } from "smol-toml";
import { type Header, pack } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type Grader, performJob } from "../../grader/perform-job.ts";
import { packFolder } from "../../proto/archive.ts";
import { sha256 } from "../../proto/digest.ts";
import {
  GradeJobSchema,
  GradeOutcome,
  type GradeVerdict,
} from "../../proto/gen/sweep/v1/event_pb.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { platformSandbox } from "../../proto/sandbox/platform-sandbox.ts";
import { loadTask, packHiddenHalf, packPublicHalf } from "../../proto/task/task-folder.ts";
import { findToolchains } from "../../proto/toolchains.ts";
import { gradedWorkspaceLimits } from "../../proto/workspace-limits.ts";
import { processesWith } from "../support/processes.ts";
import { silentLog } from "../support/silent-log.ts";

const { PASSED, FAILED } = GradeOutcome;

/** Final workspaces of agents that would rather fool the grader: see the README there. */
const packFolderPath = join(packageRoot, "test", "cheating-pack");

const cheatSchema = z.strictObject({
  task: z.string(),
  tries: z.string(),
  /** `passed` where the code is right and only looks like a cheat: the honest verdict. */
  expected: z.enum(["failed", "passed"]),
  /** Symbolic links in the workspace, by their paths: what they lead to. */
  links: z.record(z.string(), z.string()).default({}),
  /** The cheat is a real one: without the code under test being kept apart it passes. */
  succeeds_when_shared: z.boolean().default(false),
});

const cheats = readdirSync(packFolderPath, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => ({
    name,
    workspace: join(packFolderPath, name, "workspace"),
    ...cheatSchema.parse(parse(readFileSync(join(packFolderPath, name, "cheat.toml"), "utf8"))),
  }));

let scratch: string;
let grader: Grader;
/** What the object store would hold, by digest. */
const objects = new Map<string, Uint8Array>();

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "sweep-cheats-"));
  const fetch = async (digest: string) => objects.get(digest) ?? null;
  const [sandbox, toolchains] = await Promise.all([platformSandbox(), findToolchains()]);
  grader = {
    name: "g",
    machine: { sandbox, toolchains },
    bundleFolder: join(scratch, "bundles"),
    scratchFolder: join(scratch, "jobs"),
    fetchPublicHalf: fetch,
    fetchHiddenHalf: fetch,
    fetchWorkspace: fetch,
    log: silentLog,
  };
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function store(bytes: Uint8Array): string {
  const digest = sha256(bytes);
  objects.set(digest, bytes);
  return digest;
}

/** Grades a final workspace as a grader in a lab does, from the archives on. */
async function grade(
  taskName: string,
  workspace: Uint8Array,
  folder = join(packageRoot, "tasks", taskName),
): Promise<GradeVerdict> {
  const task = await loadTask(folder);
  const job = create(GradeJobSchema, {
    gradeId: randomUUID(),
    attemptId: randomUUID(),
    runId: "1",
    task: taskName,
    taskPublicDigest: store((await packPublicHalf(task)).archive),
    taskHiddenDigest: store((await packHiddenHalf(task)).archive),
    workspaceDigest: store(workspace),
  });
  return performJob(grader, job, new AbortController().signal);
}

/** The same with the task changed to run the code under test beside its tests. */
async function gradeShared(taskName: string, workspace: Uint8Array): Promise<GradeVerdict> {
  const own = mkdtempSync(join(scratch, "shared-"));
  const folder = join(own, taskName);
  cpSync(join(packageRoot, "tasks", taskName), folder, { recursive: true });
  const file = join(folder, "task.toml");
  const separate = 'isolation = "separate"';
  const definition = readFileSync(file, "utf8");
  expect(definition).toContain(separate);
  writeFileSync(file, definition.replace(separate, 'isolation = "shared"'));
  return grade(taskName, workspace, folder);
}

async function packedWorkspace(
  taskName: string,
  overlay: string,
  links: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  const folder = mkdtempSync(join(scratch, "workspace-"));
  cpSync(join(packageRoot, "tasks", taskName, "environment", "workspace"), folder, {
    recursive: true,
  });
  if (existsSync(overlay)) cpSync(overlay, folder, { recursive: true });
  for (const [path, target] of Object.entries(links)) {
    rmSync(join(folder, path), { force: true });
    symlinkSync(target, join(folder, path));
  }
  const { archive } = await packFolder(folder, gradedWorkspaceLimits);
  rmSync(folder, { recursive: true });
  return archive;
}

/** Grades a right solution: what went before must not have changed a thing. */
async function expectHealthy(taskName: string): Promise<void> {
  const rights = join(packageRoot, "tasks", taskName, "solution", "right");
  const [first = ""] = readdirSync(rights).sort();
  const verdict = await grade(taskName, await packedWorkspace(taskName, join(rights, first)));
  expect(verdict).toMatchObject({ outcome: PASSED, reward: 1 });
  expect(verdict.checks.filter(({ passed }) => !passed)).toEqual([]);
  expect(readdirSync(grader.scratchFolder)).toEqual([]);
  expect(processesWith(scratch)).toEqual([]);
}

describe("the cheating pack", () => {
  test("is large enough to mean something", () => {
    expect(cheats.length).toBeGreaterThanOrEqual(30);
  });

  test.each(cheats)("$name: $tries", async ({ task, workspace, links, expected }) => {
    const verdict = await grade(task, await packedWorkspace(task, workspace, links));
    expect(verdict).toMatchObject(
      expected === "passed" ? { outcome: PASSED, reward: 1 } : { outcome: FAILED },
    );
    expect(verdict.checks.length === 0 || verdict.checks.some(({ passed }) => !passed)).toBe(
      expected === "failed",
    );
    await expectHealthy(task);
  });

  test.each(cheats.filter((cheat) => cheat.succeeds_when_shared))(
    "$name would succeed if the code under test were not kept apart",
    async (cheat) => {
      const workspace = await packedWorkspace(cheat.task, cheat.workspace);
      expect(await gradeShared(cheat.task, workspace)).toMatchObject({ outcome: PASSED });
      await expectHealthy(cheat.task);
    },
  );

  test.each<[string, Partial<Header> & { name: string }, string?]>([
    [
      "a link to the tests",
      { name: "shortest_path.py", type: "symlink", linkname: "/tests/graphs.py" },
    ],
    ["a hard link out of it", { name: "passwd", type: "link", linkname: "/etc/passwd" }],
    ["a path above it", { name: "../../logs/verifier/reward.txt", type: "file" }, "1"],
    ["an absolute path", { name: "/logs/verifier/reward.txt", type: "file" }, "1"],
    ["a device", { name: "disk", type: "block-device", devmajor: 8, devminor: 0 }],
  ])("an archive with %s fails and harms nothing", async (_what, header, content) => {
    const tar = pack();
    tar.entry({ name: "shortest_path.py" }, "def shortest_path(*_): return None\n");
    tar.entry(header, content ?? "");
    tar.finalize();
    const archive = gzipSync(await buffer(tar));
    expect(await grade("p2_shortest_path", archive)).toMatchObject({ outcome: FAILED });
    await expectHealthy("p2_shortest_path");
  });
});
