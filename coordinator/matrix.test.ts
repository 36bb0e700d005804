import * as fc from "fast-check";
import { expect, test } from "vitest";
import { cellsOf, matchesPattern, runsOf, selects } from "./matrix.ts";
import {
  determinisms,
  type Selector,
  type SweepDefinition,
  sandboxModes,
} from "./sweep-file/definition.ts";

const name = fc.stringMatching(/^[ab@.]{1,3}$/);
const names = fc.uniqueArray(name, { minLength: 1, maxLength: 3 });
const patterns = fc.option(fc.array(fc.stringMatching(/^[ab@.*]{1,3}$/), { minLength: 1 }), {
  nil: undefined,
});
const selector: fc.Arbitrary<Selector> = fc.record({
  models: patterns,
  harnesses: patterns,
  tasks: patterns,
});
const limits = fc.record(
  { wallSeconds: fc.nat(), outputTokens: fc.nat(), turns: fc.nat() },
  { requiredKeys: [] },
);

const sweeps: fc.Arbitrary<SweepDefinition> = fc.record({
  name: fc.constant("sweep"),
  models: names.map((labels) =>
    labels.map((label) => ({
      label,
      quant: null,
      kind: "gguf" as const,
      path: "weights.gguf",
      contextTokens: 4096,
      sampling: {},
      chatTemplatePath: null,
      hosted: null,
    })),
  ),
  harnesses: names,
  tasks: names,
  seeds: fc.uniqueArray(fc.nat(), { minLength: 1, maxLength: 3 }),
  include: fc.array(selector, { maxLength: 2 }),
  exclude: fc.array(selector, { maxLength: 2 }),
  overrides: fc.array(fc.record({ match: selector, limits, sampling: fc.constant({}) }), {
    maxLength: 3,
  }),
  limits: fc.record({ wallSeconds: fc.nat(), outputTokens: fc.nat(), turns: fc.nat() }),
  sampling: fc.constant({}),
  determinism: fc.constantFrom(...determinisms),
  sandbox: fc.constantFrom(...sandboxModes),
  decoy: fc.boolean(),
  spendingCapUsd: fc.constant(null),
  maxAttempts: fc.constant(3),
});

const keyOf = (cell: ReturnType<typeof cellsOf>[number]) =>
  JSON.stringify([cell.model.label, cell.harness, cell.task]);

test("each run of a sweep occurs once, and a cell's runs are its seeds in order", () => {
  fc.assert(
    fc.property(sweeps, (sweep) => {
      const cells = cellsOf(sweep);
      expect(new Set(cells.map(keyOf)).size).toBe(cells.length);
      const expected = cells.flatMap((cell) => sweep.seeds.map((seed) => [keyOf(cell), seed]));
      expect(runsOf(sweep).map(({ cell, seed }) => [keyOf(cell), seed])).toEqual(expected);
    }),
  );
});

test("without rules the matrix is the whole product in the order of the file", () => {
  fc.assert(
    fc.property(sweeps, (sweep) => {
      const product = sweep.models.flatMap(({ label }) =>
        sweep.harnesses.flatMap((harness) =>
          sweep.tasks.map((task) => JSON.stringify([label, harness, task])),
        ),
      );
      expect(cellsOf({ ...sweep, include: [], exclude: [] }).map(keyOf)).toEqual(product);
    }),
  );
});

test("include and exclude decide each cell by itself and keep the order", () => {
  fc.assert(
    fc.property(sweeps, (sweep) => {
      const all = cellsOf({ ...sweep, include: [], exclude: [] });
      const kept = all.filter(
        (cell) =>
          (sweep.include.length === 0 || sweep.include.some((rule) => selects(rule, cell))) &&
          !sweep.exclude.some((rule) => selects(rule, cell)),
      );
      expect(cellsOf(sweep)).toEqual(kept);
    }),
  );
});

test("each limit of a cell comes from the last matching override that sets it, else the sweep", () => {
  fc.assert(
    fc.property(sweeps, (sweep) => {
      for (const cell of cellsOf(sweep)) {
        const matching = sweep.overrides.filter(({ match }) => selects(match, cell));
        for (const key of ["wallSeconds", "outputTokens", "turns"] as const) {
          const setter = matching.findLast((override) => override.limits[key] !== undefined);
          expect(cell.limits[key]).toBe(setter?.limits[key] ?? sweep.limits[key]);
        }
      }
    }),
  );
});

test("the sampling of a cell is the sweep's, then the model's, then its overrides'", () => {
  const [sweep] = fc.sample(sweeps, { numRuns: 1, seed: 1 });
  const [cell] = cellsOf({
    ...sweep!,
    include: [],
    exclude: [],
    sampling: { temperature: 1, topK: 1, topP: 1 },
    models: [{ ...sweep!.models[0]!, sampling: { topK: 0.2, topP: 0.2 } }],
    overrides: [{ match: {}, limits: {}, sampling: { topP: 0.3 } }],
  });
  expect(cell?.sampling).toEqual({ temperature: 1, topK: 0.2, topP: 0.3 });
});

test("a pattern matches what the equivalent regular expression matches", () => {
  const text = fc.stringMatching(/^[ab.]{0,6}$/);
  fc.assert(
    fc.property(fc.stringMatching(/^[ab.*]{0,6}$/), text, (pattern, candidate) => {
      const source = pattern.replaceAll(".", "\\.").replaceAll("*", ".*");
      expect(matchesPattern(pattern, candidate)).toBe(new RegExp(`^${source}$`).test(candidate));
    }),
    { numRuns: 2_000 },
  );
});
