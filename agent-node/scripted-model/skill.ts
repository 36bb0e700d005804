import { createHash } from "node:crypto";

/** How often the stand-in solves a task; what is left of 1 is the share of wrong answers. */
export interface Skill {
  /** Share of runs answered rightly, 0 to 1. */
  readonly right: number;
  /** Share of runs that never come to an end, 0 to 1; `right + stall` is at most 1. */
  readonly stall: number;
}

/** Skills of one scripted model: `default` holds for every task without an entry of its own. */
export type Skills = Readonly<Record<string, Skill>> & { readonly default: Skill };

/** What the stand-in does in a run. */
export type Conduct = "right" | "wrong" | "stall";

/** Everything that a run's conduct depends on. */
export interface Occasion {
  /** Name of the weights file, see `weightsName`: the same under whatever alias it is served. */
  readonly model: string;
  readonly task: string;
  /** Sampling seed in force, 0 to 2^32 - 1. */
  readonly seed: number;
  /** What asks, as `describeHands` words it: the same at every turn of a run, another for another harness. */
  readonly request: string;
}

/**
 * Where an occasion falls in [0, 1): the first 48 bits of SHA-256 over its four parts. The same
 * occasion falls on the same point on every machine and in every version.
 */
export function lot(occasion: Occasion): number {
  const { model, task, seed, request } = occasion;
  const digest = createHash("sha256").update(JSON.stringify([model, task, seed, request]));
  return digest.digest().readUIntBE(0, 6) / 2 ** 48;
}

/** Decides a run: a lot below `stall` stalls, below `stall + right` is right, above is wrong. */
export function decide(skills: Skills, occasion: Occasion): Conduct {
  const skill = skills[occasion.task] ?? skills.default;
  const drawn = lot(occasion);
  if (drawn < skill.stall) return "stall";
  return drawn < skill.stall + skill.right ? "right" : "wrong";
}
