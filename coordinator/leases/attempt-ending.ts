/**
 * How an attempt ended, as far as its execution goes; the verdict on its workspace is a grade.
 *
 * - `completed`: the harness ended by itself.
 * - `timeout`: a limit of the run was reached; the model's failure.
 * - `agent_error`: the harness or the model's output broke the harness; the model's failure.
 * - `infra_error`: node, model server or store failed; retried.
 * - `lost`: the lease ran out, or the node came back without it; retried.
 * - `refused`: the node would not begin it; retried, and not counted against the run's attempts.
 * - `cancelled`: an operator ended it.
 */
export const attemptEndings = [
  "completed",
  "timeout",
  "agent_error",
  "infra_error",
  "lost",
  "refused",
  "cancelled",
] as const;

/** See {@link attemptEndings}. */
export type AttemptEnding = (typeof attemptEndings)[number];
