import { describe, expect, it } from "vitest";
import {
  endStates,
  ImpossibleTransitionError,
  nextRunState,
  type RunEvent,
  type RunState,
  runEvents,
  runStates,
  type Transition,
  transitions,
} from "./run-state.ts";

/** The changes of state, written down a second time, independently of the table's layout. */
const changes: readonly [RunState, RunEvent, RunState][] = [
  ["pending", "granted", "leased"],
  ["pending", "gave_up", "exhausted"],
  ["pending", "cancelled", "cancelled"],
  ["pending", "found_unplaceable", "unplaceable"],
  ["leased", "started", "running"],
  ["leased", "completed", "finished"],
  ["leased", "failed", "graded"],
  ["leased", "retried", "pending"],
  ["leased", "gave_up", "exhausted"],
  ["leased", "cancelled", "cancelled"],
  ["running", "completed", "finished"],
  ["running", "failed", "graded"],
  ["running", "retried", "pending"],
  ["running", "gave_up", "exhausted"],
  ["running", "cancelled", "cancelled"],
  ["finished", "grading_began", "grading"],
  ["finished", "gave_up", "exhausted"],
  ["finished", "judged", "graded"],
  ["finished", "cancelled", "cancelled"],
  ["grading", "retried", "finished"],
  ["grading", "gave_up", "exhausted"],
  ["grading", "judged", "graded"],
  ["grading", "cancelled", "cancelled"],
  ["graded", "requeued", "pending"],
  ["exhausted", "regraded", "graded"],
  ["unplaceable", "granted", "leased"],
  ["unplaceable", "cancelled", "cancelled"],
  ["unplaceable", "found_placeable", "pending"],
];

describe("the run state machine", () => {
  it("answers every state and event, and changes state only where listed", () => {
    for (const state of runStates) {
      for (const event of runEvents) {
        const listed = changes.find(([from, on]) => from === state && on === event);
        const transition: Transition = transitions[state][event];
        if (transition === "never") {
          expect(listed, `${state} x ${event}`).toBeUndefined();
          expect(() => nextRunState(state, event)).toThrow(ImpossibleTransitionError);
        } else {
          expect(nextRunState(state, event), `${state} x ${event}`).toBe(listed?.[2] ?? state);
        }
      }
    }
  });

  it("leaves an ended run only where an operator asked for it", () => {
    const asked: readonly RunEvent[] = ["requeued", "regraded"];
    for (const state of ["graded", "cancelled", "exhausted"] as const) {
      for (const event of runEvents.filter((event) => !asked.includes(event))) {
        expect(["keep", "never"]).toContain(transitions[state][event]);
      }
    }
    for (const event of asked) expect(["keep", "never"]).toContain(transitions.cancelled[event]);
  });

  it("requeues none but a graded run: whatever else it is in, no result counts", () => {
    for (const state of runStates) {
      expect(transitions[state].requeued).toBe(state === "graded" ? "pending" : "never");
    }
  });

  it("does not let a regrade move a run that goes on or has its verdict", () => {
    for (const state of runStates.filter((state) => state !== "exhausted")) {
      expect(nextRunState(state, "regraded")).toBe(state);
    }
  });

  it("can reach an end from every state", () => {
    for (const start of runStates) {
      const reached = new Set<RunState>([start]);
      for (let size = 0; size !== reached.size; ) {
        size = reached.size;
        for (const [from, , to] of changes) if (reached.has(from)) reached.add(to);
      }
      expect([...reached].some((state) => endStates.includes(state))).toBe(true);
    }
  });

  it("lets an operator cancel whatever has not ended", () => {
    for (const state of runStates) {
      if (state === "graded" || state === "exhausted") continue;
      expect(nextRunState(state, "cancelled")).toBe("cancelled");
    }
  });
});
