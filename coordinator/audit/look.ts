import type { NamedPath } from "./places.ts";

/** How a call looks at a path. What it prints where it succeeds differs by that. */
export type LookMode =
  /** Names of files. */
  | "list"
  /** Contents. */
  | "read"
  /** It is run, or a program reads it: anything may be printed. */
  | "run"
  /** Whether it is there. */
  | "probe"
  /** Facts of it: kind, size, times. */
  | "state"
  /** It is written or made. */
  | "write"
  /** It becomes the current folder. */
  | "enter"
  /** It is copied to where it can be read later. */
  | "copy"
  /** A search below it: what is found decides. */
  | "search";

/** One look of a call at a path outside of the workspace. */
export interface Look {
  readonly mode: LookMode;
  readonly named: NamedPath;
  /** The rule by which the look alone is an attempt; null if only what it shows can tell. */
  readonly rule: string | null;
  /** Nothing of its output is shown. */
  readonly silenced: boolean;
  /** Its errors are not shown. */
  readonly quiet: boolean;
  /** Its command shows other things too, or may have run elsewhere: what is shown must tell. */
  readonly shared: boolean;
}

/** What a call does, in order, as far as its output can be told apart by it. */
export type Step =
  | {
      readonly kind: "looks";
      readonly looks: readonly Look[];
      readonly literals: readonly string[];
    }
  /** A line that is known beforehand. */
  | { readonly kind: "print"; readonly text: string }
  /** The exit code of what came before; null where something else stands before or behind it. */
  | { readonly kind: "status" }
  /** A command whose output is not known; if each of its `files` failed, it printed nothing. */
  | { readonly kind: "other"; readonly files?: readonly string[] };

/** Looks of steps, in order. */
export function looksOf(steps: readonly Step[]): readonly Look[] {
  return steps.flatMap((step) => (step.kind === "looks" ? step.looks : []));
}
