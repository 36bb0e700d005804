/**
 * From a sweep file to its cells and runs.
 *
 * The full matrix is models x harnesses x tasks. A cell is kept if `include` is empty or one of its
 * rules matches; of those, a cell is dropped if one of the `exclude` rules matches. Settings begin
 * as the sweep's, then the model's own sampling applies, then each matching override in the order of
 * the file; later settings win one by one, so an override that sets `turns` leaves `wallSeconds` as
 * it was. Each cell is run once per seed.
 *
 * The order is that of the file: models first, then harnesses, then tasks, then seeds. It is part of
 * the contract: the same file always gives the same runs in the same order.
 */
import type {
  ModelDefinition,
  RunLimits,
  SamplingSettings,
  Selector,
  SweepDefinition,
} from "./sweep-file/definition.ts";

/** A (model, harness, task) of a sweep with the settings of its runs. */
export interface Cell {
  readonly model: ModelDefinition;
  readonly harness: string;
  readonly task: string;
  readonly limits: RunLimits;
  readonly sampling: SamplingSettings;
}

/** A cell and a seed: the unit whose result counts. */
export interface PlannedRun {
  readonly cell: Cell;
  readonly seed: number;
}

/** The cells of a sweep, distinct, in the order of the file. */
export function cellsOf(sweep: SweepDefinition): Cell[] {
  return fullMatrix(sweep).filter(
    (cell) =>
      (sweep.include.length === 0 || sweep.include.some((rule) => selects(rule, cell))) &&
      !sweep.exclude.some((rule) => selects(rule, cell)),
  );
}

/** The runs of a sweep, distinct by cell and seed; the seeds of a cell follow one another. */
export function runsOf(sweep: SweepDefinition): PlannedRun[] {
  return cellsOf(sweep).flatMap((cell) => sweep.seeds.map((seed) => ({ cell, seed })));
}

/** Every (model, harness, task) of a sweep, before rules drop any. */
export function fullMatrix(sweep: SweepDefinition): Cell[] {
  return sweep.models.flatMap((model) =>
    sweep.harnesses.flatMap((harness) =>
      sweep.tasks.map((task) => withSettings({ model, harness, task }, sweep)),
    ),
  );
}

/** Whether a rule matches a cell. A rule without any list matches every cell. */
export function selects(
  rule: Selector,
  { model, harness, task }: Pick<Cell, "model" | "harness" | "task">,
): boolean {
  return (
    holds(rule.models, model.label) && holds(rule.harnesses, harness) && holds(rule.tasks, task)
  );
}

/** Whether `pattern` names `name`; each `*` stands for any letters, none included. */
export function matchesPattern(pattern: string, name: string): boolean {
  const [start = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return name === pattern;
  if (!name.startsWith(start)) return false;
  const end = rest.pop() ?? "";
  let position = start.length;
  for (const part of rest) {
    const found = name.indexOf(part, position);
    if (found === -1) return false;
    position = found + part.length;
  }
  return name.length - end.length >= position && name.endsWith(end);
}

function holds(patterns: readonly string[] | undefined, name: string): boolean {
  return patterns === undefined || patterns.some((pattern) => matchesPattern(pattern, name));
}

function withSettings(
  cell: Pick<Cell, "model" | "harness" | "task">,
  { limits, sampling, overrides }: SweepDefinition,
): Cell {
  const matching = overrides.filter(({ match }) => selects(match, cell));
  return {
    ...cell,
    limits: matching.reduce((merged, override) => ({ ...merged, ...override.limits }), limits),
    sampling: matching.reduce((merged, override) => ({ ...merged, ...override.sampling }), {
      ...sampling,
      ...cell.model.sampling,
    }),
  };
}
