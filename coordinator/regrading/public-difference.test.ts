import { expect, test } from "vitest";
import { visibleDifferences } from "./public-difference.ts";

const half = (files: Record<string, string>) =>
  new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));

test("versions that differ in task.toml alone look alike to an agent", () => {
  const before = half({ "instruction.md": "do it", "task.toml": "timeout_sec = 60" });
  const after = half({ "instruction.md": "do it", "task.toml": "timeout_sec = 90" });
  expect(visibleDifferences(before, after)).toEqual([]);
});

test("what was changed, added or taken away is named, in order", () => {
  const before = half({ "instruction.md": "do it", "environment/workspace/a": "", z: "1" });
  const after = half({ "instruction.md": "do it!", "environment/workspace/a": "", b: "" });
  expect(visibleDifferences(before, after)).toEqual(["b", "instruction.md", "z"]);
});
