/**
 * What a schema cannot say, because it concerns several places of a file: duplicates, names that
 * nothing declares, rules without effect. Each check needs only the sections it speaks of, so that a
 * mistake elsewhere in the file does not hide what these find.
 */
import { cellsOf, fullMatrix, matchesPattern, selects } from "../matrix.ts";
import { modelLabel, type Selector, type SweepDefinition } from "./definition.ts";
import { problemAt, type SweepFileProblem, suggestion } from "./problem.ts";
import type { SweepFile, SweepFileSchema } from "./schema.ts";
import type { Path, YamlSource } from "./source.ts";

/** Bound on the runs of one sweep; they are stored in one transaction. */
const maxRuns = 1_000_000;

/** The sections of a file that are well-formed by themselves. */
export type Sections = Partial<SweepFile>;

/** Reads each section by itself. */
export function sectionsOf(schema: SweepFileSchema, value: unknown): Sections {
  const entries = Object.entries(schema.shape).flatMap(([key, section]) => {
    const written: unknown =
      typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
    const parsed = section.safeParse(written);
    return parsed.success ? [[key, parsed.data]] : [];
  });
  return Object.fromEntries(entries);
}

/** Names and seeds that are listed twice. */
export function findDuplicates(source: YamlSource, sections: Sections): SweepFileProblem[] {
  const { models = [], harnesses = [], tasks = [], seeds } = sections;
  return [
    ...repeats(source, "models", models.map(modelLabel)),
    ...repeats(source, "harnesses", harnesses),
    ...repeats(source, "tasks", tasks),
    ...repeats(source, "seeds", Array.isArray(seeds) ? seeds : []),
  ];
}

/** Tasks of the file without a folder. */
export function findMissingTasks(
  source: YamlSource,
  { tasks = [] }: Sections,
  knownTasks: readonly string[],
): SweepFileProblem[] {
  return tasks.flatMap((task, index) =>
    knownTasks.includes(task)
      ? []
      : [
          problemAt(
            source,
            ["tasks", index],
            `a task that has a folder: ${knownTasks.join(", ") || "there is none"}${suggestion(task, knownTasks)}`,
          ),
        ],
  );
}

/** Names and patterns in rules that match nothing the file declares. */
export function findIdlePatterns(source: YamlSource, sections: Sections): SweepFileProblem[] {
  const { include = [], exclude = [], overrides = [] } = sections;
  const declared = {
    models: sections.models?.map(modelLabel),
    harnesses: sections.harnesses,
    tasks: sections.tasks,
  };
  const rules: [Path, Selector][] = [
    ...include.map((rule, index): [Path, Selector] => [["include", index], rule]),
    ...exclude.map((rule, index): [Path, Selector] => [["exclude", index], rule]),
    ...overrides.map(({ match }, index): [Path, Selector] => [
      ["overrides", index, "match"],
      match,
    ]),
  ];
  return rules.flatMap(([path, rule]) =>
    (["models", "harnesses", "tasks"] as const).flatMap((key) =>
      (rule[key] ?? []).flatMap((pattern, index) => {
        const names = declared[key];
        if (names === undefined || names.some((name) => matchesPattern(pattern, name))) return [];
        const accepted = `a name or pattern that matches one of ${names.join(", ")}`;
        return [problemAt(source, [...path, key, index], accepted + suggestion(pattern, names))];
      }),
    ),
  );
}

/** What is wrong with the matrix of a file whose names are in order. */
export function findMatrixProblems(source: YamlSource, sweep: SweepDefinition): SweepFileProblem[] {
  const runs =
    sweep.models.length * sweep.harnesses.length * sweep.tasks.length * sweep.seeds.length;
  if (runs > maxRuns) {
    return [problemAt(source, ["seeds"], `a matrix of at most ${maxRuns} runs`, `${runs} runs`)];
  }
  const all = fullMatrix(sweep);
  const included = cellsOf({ ...sweep, exclude: [] });
  const kept = cellsOf(sweep);
  const idle = (key: string, rules: readonly Selector[], cells: typeof all) =>
    rules.flatMap((rule, index) =>
      cells.some((cell) => selects(rule, cell))
        ? []
        : [problemAt(source, [key, index], "a rule that matches at least one cell left to it")],
    );
  return [
    ...idle("include", sweep.include, all),
    ...idle("exclude", sweep.exclude, included),
    ...idle(
      "overrides",
      sweep.overrides.map(({ match }) => match),
      kept,
    ),
    ...(kept.length > 0
      ? []
      : [problemAt(source, [], "rules that leave at least one cell", "a matrix without any cell")]),
  ];
}

function repeats(
  source: YamlSource,
  key: string,
  names: readonly (string | number)[],
): SweepFileProblem[] {
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    if (first === index) return [];
    const accepted = `each of them once (${key}[${first}] is the same)`;
    return [problemAt(source, [key, index], accepted, JSON.stringify(name))];
  });
}
