/** A feature of a task that graders and nodes here do not have, and where the task asks for it. */
export interface Obstacle {
  /** File and place in it, such as `task.toml environment.gpus` or `environment/Dockerfile:3`. */
  readonly where: string;
  /** What stands there. */
  readonly found: string;
  /** Why that cannot be had here. */
  readonly why: string;
}

/** A task that cannot be imported; the message names every feature that stands in the way. */
export class TaskImportError extends Error {
  override readonly name = "TaskImportError";
}
