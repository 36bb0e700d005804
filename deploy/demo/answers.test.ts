import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { packageRoot } from "../../proto/package-root.ts";

const tasksFolder = join(packageRoot, "tasks");
const answersFolder = join(packageRoot, "deploy/demo/answers");

const answerSchema = z.strictObject({ recognise: z.string().min(20) });
const taskSchema = z.object({
  metadata: z.object({
    harness_sweep: z.object({ files: z.array(z.string()).min(1) }),
  }),
});

const tasks = foldersIn(tasksFolder);
const answered = foldersIn(answersFolder);

function foldersIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

function readInstruction(task: string): string {
  return readFileSync(join(tasksFolder, task, "instruction.md"), "utf8");
}

describe("the scripted model's answers", () => {
  it("exist for the demo's four tasks", () => {
    expect(answered).toEqual(["c1_ring_buffer", "p2_shortest_path", "rs1_arena", "sql1_recursive"]);
  });

  it.each(answered)(
    "for %s are recognised by a phrase of that task's instruction alone",
    (task) => {
      const answer = answerSchema.parse(
        parseYaml(readFileSync(join(answersFolder, task, "answer.yaml"), "utf8")),
      );
      const recognised = tasks.filter((other) => readInstruction(other).includes(answer.recognise));
      expect(recognised).toEqual([task]);
    },
  );

  it.each(answered)("for %s write exactly the files the task asks for", (task) => {
    const { files } = taskSchema.parse(
      parseToml(readFileSync(join(tasksFolder, task, "task.toml"), "utf8")),
    ).metadata.harness_sweep;
    expect(filesUnder(join(answersFolder, task, "right"))).toEqual([...files].sort());
    expect(filesUnder(join(answersFolder, task, "wrong"))).toEqual([...files].sort());
  });
});
