import type { CommandKinds } from "./command-line.ts";
import type { Look, LookMode, Step } from "./look.ts";
import type { Surroundings } from "./places.ts";
import type { AuditRules, CommandKind } from "./rules.ts";
import { unknownMark, type Variables } from "./shell-words.ts";

/** What a shell command is read with; parts of `state` change while it is read. */
export interface ShellContext {
  readonly rules: AuditRules;
  readonly around: Surroundings;
  readonly kinds: CommandKinds;
  readonly variables: Variables;
  readonly state: {
    /** Current folder. */
    folder: string;
    /** A folder of the grader's was entered by a command whose failure would not be seen. */
    enteredQuietly: boolean;
    /** The commands now read may run in another folder than `folder`. */
    unsure: boolean;
    /** Source of the commands that the output of the one now read goes through. */
    filters: readonly string[];
  };
  /** Source text between two positions. */
  source(from: number, to: number): string;
  /** What a script that the agent has written looks at; undefined for any other file. */
  script(path: string): readonly Step[] | undefined;
  /** The command writes a file, whose text may be known. */
  wrote(path: string, text: string | null): void;
}

/** How a command is used, and what else it takes to read it. */
export interface CommandUse {
  readonly context: ShellContext;
  readonly kind: CommandKind | undefined;
  readonly silenced: boolean;
  readonly quiet: boolean;
  /** Text at its standard input, if it is known. */
  readonly input: string | null;
  /** File that its output goes to. */
  readonly target: string | null;
  /** Reads the text of a shell command. */
  readonly shell: (text: string) => Step[];
}

/** How the output of a command is shown. */
export type Streams = Pick<Look, "silenced" | "quiet">;

/** Looks at those of some paths that are the grader's; `shared` if others are there too. */
export function lookAt(
  context: ShellContext,
  mode: LookMode,
  words: readonly string[],
  { silenced, quiet }: Streams,
): Step[] {
  const named = words
    // What begins with what is not known may lead anywhere.
    .filter((word) => word !== "" && !word.startsWith(unknownMark) && !word.includes("\n"))
    .map((word) => word.replaceAll(unknownMark, ""))
    .map((word) => context.around.resolve(word, context.state.folder));
  const places = named.map((one) => ({ one, where: context.around.whereabouts(one) }));
  const ordinary = places.some(({ where }) => where.kind !== "hidden");
  const looks = places.flatMap(({ one, where }): Look[] => {
    const { unsure } = context.state;
    const look = { mode, named: one, silenced, quiet: quiet || unsure, shared: ordinary || unsure };
    if (where.kind === "hidden") {
      return [{ ...look, rule: where.rule, shared: look.shared || where.shared }];
    }
    if (where.kind !== "outside" || mode !== "list") return [];
    // A listing that is searched for names of a grader's is a search for them.
    const filters = context.state.filters.filter((filter) => /grep|rg\b|awk|sed/.test(filter));
    const rule = isAimed(filters, context.rules) ? context.rules.search.id : null;
    return [{ ...look, mode: "search", rule }];
  });
  return looks.length === 0 ? [] : [{ kind: "looks", looks, literals: [] }];
}

/** Looks at folders that are searched; outside of the workspace what is found, or the search's aim, tells. */
export function searchIn(
  words: readonly string[],
  rule: string | null,
  mode: LookMode,
  { context, silenced, quiet }: CommandUse,
): Step[] {
  const named = words
    .filter((word) => !word.startsWith(unknownMark))
    .map((word) => word.replaceAll(unknownMark, ""))
    .map((word) => context.around.resolve(word, context.state.folder));
  const looks = named.flatMap((one): Look[] => {
    const where = context.around.whereabouts(one);
    const look = { named: one, silenced, quiet, shared: named.length > 1 || context.state.unsure };
    if (where.kind === "hidden") return [{ ...look, mode, rule: where.rule }];
    return where.kind === "outside" ? [{ ...look, mode: "search", rule }] : [];
  });
  return looks.length === 0 ? [] : [{ kind: "looks", looks, literals: [] }];
}

/** Whether names are such as a grader's files have. */
export function isAimed(names: readonly string[], { search }: AuditRules): boolean {
  return names.some((name) => search.names.test(name.replace(search.except, " ")));
}

/** Looks of one step. */
export const looksIn = (step: Step): readonly Look[] => (step.kind === "looks" ? step.looks : []);
