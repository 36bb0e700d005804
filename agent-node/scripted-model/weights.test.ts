import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { readAnswers, readWeights, WeightsError, weightsName } from "./weights.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function lay(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "scripted-weights-"));
  folders.push(folder);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}
const head = "format: harness-sweep/scripted-model/1\nanswers: answers\n";
const plain = `${head}skill: { default: { right: 1, stall: 0 } }\n`;
const answer = (task: string, phrase: string) => ({
  [`answers/${task}/answer.yaml`]: `recognise: ${phrase}\n`,
  [`answers/${task}/right/deep/a.py`]: "right",
  [`answers/${task}/wrong/a.py`]: "wrong",
});

describe("scripted weights", () => {
  it("are read with their answers and the default speed", () => {
    const folder = lay({ "m.yaml": plain, ...answer("t", "a phrase of t") });
    const weights = readWeights(join(folder, "m.yaml"));
    expect(weights.speed.tokensPerSecond).toBe(5000);
    expect(readAnswers(weights)).toEqual([
      {
        task: "t",
        recognise: "a phrase of t",
        right: [{ path: "deep/a.py", content: "right" }],
        wrong: [{ path: "a.py", content: "wrong" }],
      },
    ]);
    expect(weightsName(join(folder, "m.yaml"))).toBe("m");
  });

  it.each([
    ["skill: { default: { right: 0.9, stall: 0.2 } }", "more than 1"],
    ["skill: {}", "skill.default"],
    ["skill: { default: { right: 1, stall: 0 } }\nskil: 1", "skil"],
    ["skill: [", "m.yaml"],
  ])("are refused with file and place for %j", (rest, message) => {
    const folder = lay({ "m.yaml": `${head}${rest}\n` });
    const read = () => readWeights(join(folder, "m.yaml"));
    expect(read).toThrow(WeightsError);
    expect(read).toThrow(message);
  });

  it("are refused when a skill names a task without an answer", () => {
    const skills = "skill: { default: { right: 1, stall: 0 }, u: { right: 1, stall: 0 } }\n";
    const folder = lay({ "m.yaml": head + skills, ...answer("t", "a phrase of t") });
    expect(() => readAnswers(readWeights(join(folder, "m.yaml")))).toThrow("skill.u: no such task");
  });

  it("are refused when one phrase contains another", () => {
    const folder = lay({
      "m.yaml": plain,
      ...answer("t", "a phrase of t"),
      ...answer("u", "not a phrase of t"),
    });
    expect(() => readAnswers(readWeights(join(folder, "m.yaml")))).toThrow("contains the one of t");
  });

  it("are refused when the answers are absent", () => {
    const folder = lay({ "m.yaml": plain });
    expect(() => readAnswers(readWeights(join(folder, "m.yaml")))).toThrow("answers");
  });
});
