import { expect, test } from "vitest";
import { faultsOf, type VariantGrade } from "./check-tasks.ts";
import type { TaskVariant } from "./task-variants.ts";

const wrong: TaskVariant = {
  kind: "wrong",
  name: "greedy",
  folder: null,
  expected: "failed",
  caughtBy: ["a_detour_wins"],
};

function graded(outcome: VariantGrade["outcome"], failed: readonly string[]): VariantGrade {
  const checks = ["a_detour_wins", "ties_are_broken"].map((name) => ({
    name,
    passed: !failed.includes(name),
    message: "",
  }));
  return { outcome, reason: "because", checks, seconds: 1 };
}

test("a wrong variant that its check catches each time holds", () => {
  const grade = graded("failed", ["a_detour_wins"]);
  expect(faultsOf(wrong, [grade, grade, grade])).toEqual([]);
});

test("another check that fails does not stand for the one that is named", () => {
  expect(faultsOf(wrong, [graded("failed", ["ties_are_broken"])])).toEqual([
    "the check a_detour_wins does not catch it",
  ]);
});

test("a verdict that is not the expected one is a fault, with its reason", () => {
  expect(faultsOf(wrong, [graded("passed", [])])).toEqual([
    "passed where failed was expected: because",
  ]);
});

test("checks that pass at times and fail at times are named", () => {
  const grades = [
    graded("failed", ["a_detour_wins", "ties_are_broken"]),
    graded("failed", ["a_detour_wins"]),
  ];
  expect(faultsOf(wrong, grades)).toEqual([
    "flaky: ties_are_broken passed in some gradings and failed in others",
  ]);
});
