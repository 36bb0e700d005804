import { cellIdentity } from "../cell-identity.ts";
import { cellsOf } from "../matrix.ts";
import type { SweepDefinition } from "../sweep-file/definition.ts";
import { formatProblems } from "../sweep-file/problem.ts";
import { readSweepFile } from "../sweep-file/read.ts";
import { findTasks, loadTask, packHiddenHalf, packPublicHalf } from "../../proto/task/task-folder.ts";
import type { Submission, SubmittedTask } from "./submit.ts";

/** A sweep file that cannot be used; the message lists every problem with its line. */
export class SweepFileError extends Error {
  override readonly name = "SweepFileError";
}
