import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadTask } from "../../proto/task/task-folder.ts";
import { importTask } from "./import-task.ts";

let folder: string;
let from: string;
let into: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sweep-import-"));
  from = join(folder, "sum-two");
  into = join(folder, "tasks");
  mkdirSync(into);
  write({
    "task.toml":
      'version = "1.0"\n\n[metadata]\ndifficulty = "easy"\n\n[verifier]\ntimeout_sec = 90.0\n',
    "instruction.md": "Write sum.py.",
    "environment/Dockerfile":
      "FROM python:3.12\nWORKDIR /app\nCOPY start.py /app/\nRUN apt-get install -y python3\n",
    "environment/start.py": "print(1)\n",
    "tests/test.sh": "#!/bin/bash\necho 1 > /logs/verifier/reward.txt\n",
    "solution/solve.sh": "#!/bin/bash\ntouch /app/sum.py\n",
  });
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(from, name)), { recursive: true });
    writeFileSync(join(from, name), text);
  }
}

const importIt = () => importTask({ from, into, id: "sum-two", language: "python" });

test("a task that needs no Docker becomes one of ours", async () => {
  const target = await importIt();
  const { id, definition } = await loadTask(target);
  expect(id).toBe("sum-two");
  expect(definition).toMatchObject({
    verifier: { timeout_sec: 90 },
    metadata: {
      difficulty: "easy",
      harness_sweep: { language: "python", toolchains: ["python3"], isolation: "shared" },
    },
  });
  expect(readFileSync(join(target, "environment", "workspace", "start.py"), "utf8")).toBe(
    "print(1)\n",
  );
  expect(readdirSync(into)).toEqual(["sum-two"]);
});

test.each([
  ["cpp", { "environment/start.py": "", "solution/sum.cpp": "int sum;\n" }],
  ["python", {}],
])("a task that does not say so is taken to be in %s by its files", async (language, files) => {
  write(files);
  const { definition } = await loadTask(await importTask({ from, into, id: "sum-two" }));
  expect(definition.metadata.harness_sweep.language).toBe(language);
});

test("a name that leads elsewhere is refused", async () => {
  await expect(importTask({ from, into, id: "../sum-two" })).rejects.toThrow(/accepted: letters/);
  expect(readdirSync(folder).toSorted()).toEqual(["sum-two", "tasks"]);
});

test("what needs more is refused with every feature in the way, and nothing is left", async () => {
  write({
    "task.toml":
      'version = "1.0"\n[environment]\ngpus = 1\ndocker_image = "x"\n[verifier.env]\nKEY = "v"\n',
    "environment/docker-compose.yaml": "services: {}\n",
    "tests/test.sh": "apt-get update && apt-get install -y curl\nuvx pytest /tests\n",
  });
  const failure = await importIt().catch((error: unknown) => String(error));
  for (const part of [
    "task.toml environment.gpus: 1",
    'task.toml environment.docker_image: "x"',
    "task.toml verifier.env",
    "environment/docker-compose.yaml",
    "tests/test.sh:1",
    "tests/test.sh:2: uvx pytest /tests (uvx needs a network",
  ]) {
    expect(failure).toContain(part);
  }
  expect(readdirSync(into)).toEqual([]);
});

test("a task of that name, or a folder that is no task, is refused", async () => {
  await importIt();
  await expect(importIt()).rejects.toThrow(/is there already; name another with --name/);
  rmSync(join(from, "tests"), { recursive: true });
  await expect(importIt()).rejects.toThrow(/no tests\/test\.sh/);
});
