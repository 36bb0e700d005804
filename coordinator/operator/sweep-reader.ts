import { join } from "node:path";
import type { TaskToml } from "../../proto/task/task-definition.ts";
import {
  findTaskFolders,
  loadTask,
  packHiddenHalf,
  packPublicHalf,
  readDefinition,
  TaskFolderError,
} from "../../proto/task/task-folder.ts";
import { identityDigest, identityOf } from "../cell-identity.ts";
import { cellsOf } from "../matrix.ts";
import { RefusedError } from "../queries/errors.ts";
import type { SweepDefinition } from "../sweep-file/definition.ts";
import { formatProblems } from "../sweep-file/problem.ts";
import { readSweepFile } from "../sweep-file/read.ts";
import { acceptedName } from "../sweep-file/schema.ts";
import type { SubmittedTask } from "./store-tasks.ts";
import type { Submission } from "./submit.ts";

/** A sweep file that cannot be used; the message lists every problem with its line. */
export class SweepFileError extends Error {
  override readonly name = "SweepFileError";
}

/** A sweep file that was read, without the content of its tasks. */
export interface SweepReading {
  readonly sweep: SweepDefinition;
  readonly missingTasks: readonly string[];
  /** Names of the toolchains that each task needs, each once and sorted, by the task. */
  readonly toolchains: ReadonlyMap<string, readonly string[]>;
}

/** Reads sweep files against the tasks that are there. */
export interface SweepReader {
  /**
   * The sweep, why tasks of it cannot be run, a sentence each, and what toolchains the others need.
   * @throws SweepFileError also if a task is unusable.
   */
  readDefinition(fileName: string, text: string): Promise<SweepReading>;
  /**
   * The sweep with all its tasks packed, stored as `name` unless that is empty.
   * @throws SweepFileError also if a task is missing or unusable.
   */
  readSubmission(fileName: string, text: string, name: string): Promise<Submission>;
  /**
   * These tasks as they are in their folders now, packed, by name.
   * @throws RefusedError if one of them has no folder any more, or an unusable one.
   */
  readTasks(names: readonly string[]): Promise<ReadonlyMap<string, SubmittedTask>>;
}

/** See {@link SweepReader}. `roots` are read at each call, so that new tasks need no restart. */
export function sweepReader(roots: readonly string[], harnesses: readonly string[]): SweepReader {
  return {
    async readDefinition(fileName, text) {
      const { sweep, missingTasks, folders } = await read(fileName, text);
      const toolchains = new Map<string, readonly string[]>();
      for (const id of sweep.tasks) {
        const folder = folders.get(id);
        if (folder === undefined) continue;
        const definition = await readDefinition(join(folder, "task.toml")).catch(asSweepFileError);
        toolchains.set(id, toolchainsOf(definition));
      }
      return { sweep, missingTasks, toolchains };
    },

    async readSubmission(fileName, text, name) {
      const { sweep: written, missingTasks, folders } = await read(fileName, text);
      if (missingTasks.length > 0) {
        throw new SweepFileError(
          `${missingTasks.join("\n")}\ntasks are looked for in ${roots.join(", ")}`,
        );
      }
      const sweep = name === "" ? written : { ...written, name: checkedName(name) };
      const tasks = new Map<string, SubmittedTask>();
      for (const id of sweep.tasks) {
        tasks.set(id, await pack(folders.get(id) ?? id).catch(asSweepFileError));
      }
      return {
        fileName,
        text,
        sweep,
        cells: cellsOf(sweep).map((cell) => {
          const task = tasks.get(cell.task);
          if (task === undefined) throw new Error(`task ${cell.task} was not packed`);
          return { cell, identity: identityDigest(identityOf(cell, sweep, task)) };
        }),
        tasks,
      };
    },

    async readTasks(names) {
      const tasks = new Map<string, SubmittedTask>();
      try {
        const folders = await findTaskFolders(roots);
        const missing = names.filter((name) => !folders.has(name));
        if (missing.length > 0) {
          throw new RefusedError(
            `there is no folder of ${missing.join(", ")} in ${roots.join(", ")}; only tasks that have one can be graded again (--task names one)`,
          );
        }
        for (const name of names) tasks.set(name, await pack(folders.get(name) ?? name));
      } catch (error) {
        if (!(error instanceof TaskFolderError)) throw error;
        throw new RefusedError(error.message, { cause: error });
      }
      return tasks;
    },
  };

  async function read(fileName: string, text: string) {
    const folders = await findTaskFolders(roots).catch(asSweepFileError);
    const reading = readSweepFile(text, { harnesses, tasks: [...folders.keys()] });
    if (reading.kind === "invalid") {
      throw new SweepFileError(formatProblems(fileName, reading.problems));
    }
    const missingTasks = reading.missingTasks.map((problem) => formatProblems(fileName, [problem]));
    return { sweep: reading.sweep, missingTasks, folders };
  }
}

/** @throws TaskFolderError */
async function pack(folder: string): Promise<SubmittedTask> {
  const task = await loadTask(folder);
  const publicHalf = await packPublicHalf(task);
  const hiddenHalf = await packHiddenHalf(task);
  return {
    id: task.id,
    language: task.definition.metadata.harness_sweep.language,
    toolchains: toolchainsOf(task.definition),
    publicDigest: publicHalf.contentDigest,
    publicBundle: publicHalf.archive,
    hiddenDigest: hiddenHalf.contentDigest,
    hiddenBundle: hiddenHalf.archive,
  };
}

function toolchainsOf({ metadata }: TaskToml): readonly string[] {
  return [...new Set(metadata.harness_sweep.toolchains)].sort();
}

function checkedName(name: string): string {
  if (acceptedName.pattern.test(name)) return name;
  throw new SweepFileError(`the name "${name}" cannot be used; accepted: ${acceptedName.words}`);
}

function asSweepFileError(error: unknown): never {
  if (error instanceof TaskFolderError) throw new SweepFileError(error.message, { cause: error });
  throw error;
}
