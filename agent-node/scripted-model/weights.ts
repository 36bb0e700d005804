import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, join, relative, resolve, sep } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { Answer, AnswerFile } from "./turn.ts";

/** A scripted model's weights or answers cannot be used. The message names the file and the reason. */
export class WeightsError extends Error {
  override readonly name = "WeightsError";
}

/** Bounds of an answer, so that a wrong path cannot read a disk into memory. */
const maxFiles = 64;
const maxFileBytes = 256 * 1024;

const skillSchema = z
  .strictObject({ right: z.number().min(0).max(1), stall: z.number().min(0).max(1) })
  .refine((skill) => skill.right + skill.stall <= 1, "right and stall add up to more than 1");

const weightsSchema = z.strictObject({
  format: z.literal("harness-sweep/scripted-model/1"),
  /** Folder of the answers, relative to the weights file. */
  answers: z.string().min(1),
  skill: z.object({ default: skillSchema }).catchall(skillSchema),
  speed: z
    .strictObject({
      /** Pause before the model counts as loaded, in milliseconds. */
      loadMs: z.int().min(0).max(60_000).default(0),
      /** Tokens read a second. */
      promptTokensPerSecond: z.number().positive().default(100_000),
      /** Tokens written a second. */
      tokensPerSecond: z.number().positive().default(5_000),
    })
    .prefault({}),
});

const answerSchema = z.strictObject({ recognise: z.string().min(8) });

/** A weights file's content, with `answers` as an absolute path. */
export type Weights = z.infer<typeof weightsSchema>;

/** A model's name in the decisions of `skill.ts`: its file's name without the extension. */
export function weightsName(path: string): string {
  return basename(path, extname(path));
}

/** Reads a weights file alone. Throws {@link WeightsError}. */
export function readWeights(path: string): Weights {
  const weights = readYaml(path, weightsSchema);
  return { ...weights, answers: resolve(dirname(path), weights.answers) };
}

/** Reads the answers of `weights`, one folder a task, sorted by task. Throws {@link WeightsError}. */
export function readAnswers(weights: Weights): readonly Answer[] {
  const tasks = reading(weights.answers, () => readdirSync(weights.answers).sort());
  const answers = tasks.map((task): Answer => {
    const folder = join(weights.answers, task);
    const { recognise } = readYaml(join(folder, "answer.yaml"), answerSchema);
    const right = readFiles(join(folder, "right"));
    return { task, recognise, right, wrong: readFiles(join(folder, "wrong")) };
  });
  for (const task of Object.keys(weights.skill))
    if (task !== "default" && !tasks.includes(task))
      throw new WeightsError(
        `skill.${task}: no such task; ${weights.answers} has ${tasks.join(", ")}`,
      );
  for (const one of answers)
    for (const other of answers)
      if (one !== other && one.recognise.includes(other.recognise))
        throw new WeightsError(
          `the phrase that recognises ${one.task} contains the one of ${other.task}`,
        );
  return answers;
}

function readFiles(folder: string): readonly AnswerFile[] {
  const entries = reading(folder, () =>
    readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()),
  );
  if (entries.length === 0 || entries.length > maxFiles)
    throw new WeightsError(
      `${folder}: found ${entries.length} files, accepted are 1 to ${maxFiles}`,
    );
  return entries
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => {
      const bytes = reading(path, () => statSync(path).size);
      if (bytes > maxFileBytes)
        throw new WeightsError(`${path}: ${bytes} bytes, accepted are up to ${maxFileBytes}`);
      return {
        path: relative(folder, path).split(sep).join("/"),
        content: reading(path, () => readFileSync(path, "utf8")),
      };
    });
}

function readYaml<T>(path: string, schema: z.ZodType<T>): T {
  const content: unknown = reading(path, () => parse(readFileSync(path, "utf8")));
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  throw new WeightsError(`${path}: ${z.prettifyError(result.error)}`, { cause: result.error });
}

function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new WeightsError(`${path}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
