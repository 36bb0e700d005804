import { claude } from "./claude.ts";
import type { Harness } from "./harness.ts";
import { pi } from "./pi.ts";

/** The harnesses that this version of the program can drive. */
export const harnesses: readonly Harness[] = [claude, pi];

/** The adapter of a harness; undefined if this version cannot drive it. */
export function findHarness(name: string): Harness | undefined {
  return harnesses.find((harness) => harness.name === name);
}
