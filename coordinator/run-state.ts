/**
 * A run's life, as one total table of state and event.
 *
 *     pending -> leased -> running -> finished -> grading -> graded
 *
 * A failure of the infrastructure leads back to `pending` while attempts are left, else to
 * `exhausted`. An attempt that ends as the model's own failure (a timeout, an agent error) needs no
 * grade and goes straight to `graded`. `cancelled` and `exhausted` are ends; `unplaceable` is one
 * unless a node joins that can take the run. An operator may lead a graded run back to `pending`, for a
 * result that the agent did not come by honestly, and the verdict of a regrade turns a run `graded`
 * that the grader's failures had exhausted.
 */
export const runStates = [
  "pending",
  "leased",
  "running",
  "finished",
  "grading",
  "graded",
  "cancelled",
  "unplaceable",
  "exhausted",
] as const;

/** See {@link runStates}. */
export type RunState = (typeof runStates)[number];

/** What can happen to a run. Whether an attempt may still speak for it is decided before, by lease.ts. */
export const runEvents = [
  /** A lease was granted. */
  "granted",
  /** The node reports that the harness starts. */
  "started",
  /** The accepted result awaits grading. */
  "completed",
  /** The accepted result is the model's own failure: a timeout or an agent error. */
  "failed",
  /** The attempt ended without a result that counts, and another may follow. */
  "retried",
  /** The same, and no attempt is left. */
  "gave_up",
  /** The grade job was published. */
  "grading_began",
  /** A grader judged the workspace. */
  "judged",
  /** An operator cancelled the sweep or the run. */
  "cancelled",
  /** No node of the lab can take the run. */
  "found_unplaceable",
  /** A node joined that can. */
  "found_placeable",
  /** An operator put the accepted result aside, for the agent had reached the grader. */
  "requeued",
  /** A regrade judged the accepted workspace with the version of the task that counts. */
  "regraded",
] as const;

/** See {@link runEvents}. */
export type RunEvent = (typeof runEvents)[number];

/**
 * What an event makes of a state: the next state; `keep` where the event is late or repeated and
 * changes nothing; `never` where the ledger must not produce it, which is a bug.
 */
export type Transition = RunState | "keep" | "never";

const ended: Record<RunEvent, Transition> = {
  granted: "never",
  started: "keep",
  completed: "never",
  failed: "never",
  retried: "keep",
  gave_up: "keep",
  grading_began: "keep",
  judged: "keep",
  cancelled: "keep",
  found_unplaceable: "never",
  found_placeable: "never",
  requeued: "never",
  regraded: "keep",
};

/** The table. Each row names every event, so that the compiler refuses a forgotten one. */
export const transitions: Record<RunState, Record<RunEvent, Transition>> = {
  pending: {
    granted: "leased",
    started: "keep",
    completed: "never",
    failed: "never",
    retried: "keep",
    gave_up: "exhausted",
    grading_began: "never",
    judged: "never",
    cancelled: "cancelled",
    found_unplaceable: "unplaceable",
    found_placeable: "keep",
    requeued: "never",
    regraded: "keep",
  },
  leased: {
    granted: "never",
    started: "running",
    // The report of the start may be lost with a session; the result speaks for itself.
    completed: "finished",
    failed: "graded",
    retried: "pending",
    gave_up: "exhausted",
    grading_began: "never",
    judged: "never",
    cancelled: "cancelled",
    found_unplaceable: "never",
    found_placeable: "never",
    requeued: "never",
    regraded: "keep",
  },
  running: {
    granted: "never",
    started: "keep",
    completed: "finished",
    failed: "graded",
    retried: "pending",
    gave_up: "exhausted",
    grading_began: "never",
    judged: "never",
    cancelled: "cancelled",
    found_unplaceable: "never",
    found_placeable: "never",
    requeued: "never",
    regraded: "keep",
  },
  finished: {
    granted: "never",
    started: "keep",
    completed: "never",
    failed: "never",
    retried: "keep",
    // The grader failed as often as it may, before the report of its begin was written.
    gave_up: "exhausted",
    grading_began: "grading",
    judged: "graded",
    cancelled: "cancelled",
    found_unplaceable: "never",
    found_placeable: "never",
    requeued: "never",
    regraded: "keep",
  },
  grading: {
    granted: "never",
    started: "keep",
    completed: "never",
    failed: "never",
    // A grader's failure: the result stands and is graded again.
    retried: "finished",
    gave_up: "exhausted",
    grading_began: "keep",
    judged: "graded",
    cancelled: "cancelled",
    found_unplaceable: "never",
    found_placeable: "never",
    requeued: "never",
    regraded: "keep",
  },
  graded: { ...ended, requeued: "pending" },
  cancelled: ended,
  // The grader's failures ended it; what they did not say is said now.
  exhausted: { ...ended, regraded: "graded" },
  unplaceable: {
    ...ended,
    // It was found placeable and granted in one step of the scheduler.
    granted: "leased",
    cancelled: "cancelled",
    found_unplaceable: "keep",
    found_placeable: "pending",
  },
};

/** States in which nothing more happens to a run by itself; an operator may still change its mind. */
export const endStates: readonly RunState[] = ["graded", "cancelled", "unplaceable", "exhausted"];

/**
 * The state after `event`, equal to `state` where the event changes nothing.
 * @throws ImpossibleTransitionError where the table says `never`.
 */
export function nextRunState(state: RunState, event: RunEvent): RunState {
  const transition = transitions[state][event];
  if (transition === "never") throw new ImpossibleTransitionError(state, event);
  return transition === "keep" ? state : transition;
}

/** A bug of the caller: this event cannot meet a run in this state. */
export class ImpossibleTransitionError extends Error {
  override readonly name = "ImpossibleTransitionError";
  constructor(state: RunState, event: RunEvent) {
    super(`a run in state "${state}" cannot meet the event "${event}"`);
  }
}
