import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { judge, type LeftFile, type TestRemains } from "./verdict.ts";

const absent: LeftFile = { kind: "absent" };
const text = (content: string): LeftFile => ({ kind: "text", text: content });

const remains = (parts: Partial<TestRemains> = {}): TestRemains => ({
  end: { kind: "exited", code: 0 },
  rewardText: absent,
  rewardJson: absent,
  checks: absent,
  ...parts,
});

describe("a verdict", () => {
  test.each(["1", "1\n", " 1.0 ", "1e0"])("passes for reward.txt %j", (reward) => {
    expect(judge(remains({ rewardText: text(reward) }))).toMatchObject({
      outcome: "passed",
      reward: 1,
    });
  });

  test("passes for a reward.json of 1 with other keys", () => {
    const rewardJson = text('{"reward": 1, "checks_passed": 3}');
    expect(judge(remains({ rewardJson })).outcome).toBe("passed");
  });

  test("fails for less than 1 and names the failed checks", () => {
    const checks = text(
      ["a", "b", "c", "d", "e"]
        .map((name) => JSON.stringify({ name, passed: name === "a", message: "" }))
        .join("\n"),
    );
    expect(judge(remains({ rewardText: text("0.5"), checks }))).toMatchObject({
      outcome: "failed",
      reward: 0.5,
      reason: "4 of 5 checks failed: b, c, d and 1 more",
    });
  });

  test.each(["", "yes", "0x1", "Infinity", "NaN", "1 1", "2", "-1", "1.01"])(
    "fails for reward.txt %j and says what is accepted",
    (reward) => {
      expect(judge(remains({ rewardText: text(reward) }))).toMatchObject({
        outcome: "failed",
        reward: 0,
        reason: expect.stringContaining("a number from 0 to 1"),
      });
    },
  );

  test.each(["", "1", "null", "[1]", "{}", '{"reward": "1"}', '{"reward": 2}', '{"reward": null}'])(
    "fails for reward.json %j",
    (reward) => {
      expect(judge(remains({ rewardJson: text(reward) }))).toMatchObject({
        outcome: "failed",
        reward: 0,
      });
    },
  );

  test("fails for two reward files, of which either could be the forged one", () => {
    const both = { rewardText: text("1"), rewardJson: text('{"reward": 1}') };
    expect(judge(remains(both)).outcome).toBe("failed");
  });

  test("fails for a reward file that cannot be read", () => {
    const rewardText: LeftFile = { kind: "unusable", why: "is no regular file" };
    expect(judge(remains({ rewardText }))).toMatchObject({
      outcome: "failed",
      reason: "reward.txt is no regular file",
    });
  });

  test("fails for tests stopped at their limit, whatever reward they left", () => {
    const end = { kind: "timed-out", limitSeconds: 120 } as const;
    expect(judge(remains({ end, rewardText: text("1") }))).toMatchObject({
      outcome: "failed",
      reason: "the hidden tests did not end within 120 seconds",
    });
  });

  test.each([
    [{ kind: "exited", code: 0 }, "exited with status 0"],
    [{ kind: "exited", code: 1 }, "exited with status 1"],
    [{ kind: "signalled", signal: "SIGKILL" }, "ended by SIGKILL"],
  ] as const)("fails for %j without a reward", (end, reason) => {
    expect(judge(remains({ end }))).toMatchObject({
      outcome: "failed",
      reason: `the hidden tests ${reason} without a reward file`,
    });
  });

  test("is the grader's error for status 69 without a reward, and only then", () => {
    const end = { kind: "exited", code: 69 } as const;
    expect(judge(remains({ end })).outcome).toBe("grader_error");
    expect(judge(remains({ end, rewardText: text("0") })).outcome).toBe("failed");
    expect(judge(remains({ end, rewardText: text("1") })).outcome).toBe("passed");
  });
});

describe("the list of checks", () => {
  const checksOf = (content: string) =>
    judge(remains({ rewardText: text("1"), checks: text(content) }));

  test("is read in order, and a message may be absent", () => {
    const { checks, remarks } = checksOf(
      '{"name":"a","passed":true}\n\n{"name":"b","passed":false,"message":"no"}\n',
    );
    expect(checks).toEqual([
      { name: "a", passed: true, message: "" },
      { name: "b", passed: false, message: "no" },
    ]);
    expect(remarks).toEqual([]);
  });

  test("loses malformed lines, says which, and changes no outcome", () => {
    const verdict = checksOf('{"name":1}\n{"name":"a","passed":true}\nnonsense');
    expect(verdict.outcome).toBe("passed");
    expect(verdict.checks).toHaveLength(1);
    expect(verdict.remarks).toEqual([
      expect.stringContaining("line 1 of checks.jsonl"),
      expect.stringContaining("line 3 of checks.jsonl"),
    ]);
  });

  test("is bounded in lines, lengths and remarks, and stays well-formed Unicode", () => {
    const line = JSON.stringify({ name: "n".repeat(999), passed: true, message: "😀".repeat(900) });
    const { checks, remarks } = checksOf(`${line}\n`.repeat(10_000));
    expect(Buffer.byteLength(JSON.stringify(checks))).toBeLessThan(400 * 1024);
    expect(checks[0]!.name).toHaveLength(200);
    expect(checks[0]!.message.isWellFormed()).toBe(true);
    expect(remarks).toEqual([expect.stringContaining("too long")]);
    expect(checksOf("nonsense\n".repeat(10_000)).remarks).toHaveLength(6);
  });

  test("and the rewards are never fatal, whatever they hold", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.json(), (reward, lines, json) => {
        const one = judge(remains({ rewardText: text(reward), checks: text(lines) }));
        const other = judge(remains({ rewardJson: text(json), checks: text(json) }));
        for (const verdict of [one, other]) {
          expect(verdict.outcome).not.toBe("grader_error");
          expect(verdict.reward).toBeGreaterThanOrEqual(0);
          expect(verdict.reward).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
