import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readVariants } from "./task-variants.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sweep-variants-"));
  mkdirSync(join(folder, "solution", "right", "heap"), { recursive: true });
  mkdirSync(join(folder, "solution", "wrong", "greedy"), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

const describeVariants = (text: string) =>
  writeFileSync(join(folder, "solution", "variants.toml"), text);

const both = `
[right.heap]
approach = "a heap"
[wrong.greedy]
mistake = "takes the nearest"
caught_by = ["a_detour_wins"]
`;

test("variants come in the order of their check, with what must catch the wrong ones", async () => {
  describeVariants(both);
  expect(await readVariants(folder)).toMatchObject([
    { kind: "untouched", expected: "failed" },
    { kind: "solution", expected: "passed", folder: null },
    {
      kind: "right",
      name: "heap",
      expected: "passed",
      folder: join(folder, "solution/right/heap"),
    },
    { kind: "wrong", name: "greedy", expected: "failed", caughtBy: ["a_detour_wins"] },
  ]);
});

test.each([
  ["a mistake without its check", "[wrong.greedy]\nmistake = 'x'", /wrong\.greedy\.caught_by/],
  ["a folder that is not described", "[right.heap]\napproach = 'x'", /greedy is not described/],
  [
    "a description without a folder",
    `${both}[right.bfs]\napproach = 'x'`,
    /right\.bfs has no folder/,
  ],
  ["no TOML", "[right", /variants\.toml:1:\d+ is no TOML/],
])("%s is refused", async (_what, text, message) => {
  describeVariants(text);
  await expect(readVariants(folder)).rejects.toThrow(message);
});
