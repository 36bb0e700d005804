import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { harnessNames } from "../../proto/harness-names.ts";
import { cellsOf } from "../matrix.ts";
import { readSweepFile } from "./read.ts";

const known = { harnesses: harnessNames, tasks: ["t1", "t2"] };

const valid = {
  name: "nightly",
  models: [
    { kind: "gguf", name: "a", quant: "Q8_0", path: "a.gguf", sampling: { top_k: 5 } },
    { kind: "scripted", name: "b", path: "b.yaml" },
  ],
  harnesses: ["pi", "claude"],
  tasks: ["t1", "t2"],
  seeds: [1, 2],
  limits: { wall_seconds: 60 },
  include: [{ models: ["*"] }],
  exclude: [{ tasks: ["t2"], harnesses: ["claude"] }],
  overrides: [{ match: { tasks: ["t1"] }, limits: { turns: 3 } }],
};

type Path = (string | number)[];

function pathsIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, child]) =>
      pathsIn(child, [...path, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

function withReplaced(value: unknown, [step, ...rest]: Path, replacement: unknown): unknown {
  if (step === undefined) return replacement;
  const copy: unknown = structuredClone(value);
  const container = Object(copy);
  Reflect.set(container, step, withReplaced(Reflect.get(container, step), rest, replacement));
  return copy;
}

function expectSoundReading(text: string): void {
  const reading = readSweepFile(text, known);
  if (reading.kind === "valid") {
    expect(cellsOf(reading.sweep).length).toBeGreaterThan(0);
    return;
  }
  expect(reading.problems.length).toBeGreaterThan(0);
  const lines = text.split("\n").length;
  for (const { line, column, found, accepted } of reading.problems) {
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(found).not.toBe("");
    expect(accepted).not.toBe("");
  }
}

test("whatever stands in the place of a value, the file is valid or every problem has a place", () => {
  expect(readSweepFile(stringify(valid), known).kind).toBe("valid");
  const replacement = fc.oneof(
    fc.constantFrom<unknown>(null, "", 0, -1, 1e308, [], {}, "*", "t1", "../x", "__proto__"),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.constantFrom(...pathsIn(valid)), replacement, (path, value) => {
      expectSoundReading(stringify(withReplaced(valid, path, value)));
    }),
    { numRuns: 300 },
  );
}, 60_000);

test("whatever key stands beside the known ones, it is refused at its place", () => {
  const containers = pathsIn(valid).filter((path) => {
    const value = path.reduce<unknown>((parent, step) => Reflect.get(Object(parent), step), valid);
    return typeof value === "object" && !Array.isArray(value);
  });
  fc.assert(
    fc.property(fc.constantFrom(...containers), (path) => {
      const text = stringify(withReplaced(valid, [...path, "surprise"], 1));
      const reading = readSweepFile(text, known);
      const problems = reading.kind === "invalid" ? reading.problems : [];
      const [problem] = problems.filter(({ found }) => found === 'the unknown key "surprise"');
      expect(text.split("\n")[problem!.line - 1]).toContain("surprise");
    }),
  );
});

test("whatever the text, reading it ends with a result", () => {
  const piece = fc.oneof(
    fc.constantFrom(
      "a: ",
      "- ",
      "{",
      "}",
      "[",
      "]",
      "\n",
      "  ",
      "&x ",
      "*x",
      "!!",
      "? ",
      "|",
      "<<: ",
    ),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => expectSoundReading(pieces.join(""))),
    { numRuns: 300 },
  );
}, 60_000);

test("aliases that would expand to gigabytes are refused", () => {
  const levels = Array.from(
    { length: 12 },
    (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level}, `.repeat(10)}]`,
  );
  const text = `a0: &a0 x\n${levels.join("\n")}\n`;
  expect(() => parse(text)).toThrow("alias");
  expectSoundReading(text);
});
