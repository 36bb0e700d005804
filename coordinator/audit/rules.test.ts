import { describe, expect, test } from "vitest";
import { loadAuditRules } from "./load-rules.ts";
import { AuditRulesError, parseAuditRules } from "./rules.ts";

describe("the file of rules", () => {
  test("is read, and says its version", () => {
    expect(loadAuditRules().version).toBeGreaterThan(0);
  });

  test("names each rule once", () => {
    const { canaries, places, mentions, aider, search, online, processes, history } =
      loadAuditRules();
    const single = [search, online, processes, history, ...Object.values(aider)];
    const ids = [...canaries, ...places, ...mentions, ...single].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test.each([
    ["no version", "workspaces: [/w]", /rules\.yaml:1:1: version: .*accepted/],
    ["a version that is none", "version: x", /rules\.yaml:1:10: version: found "x"/],
    ["no YAML", "version: [", /rules\.yaml:\d+:\d+: /],
    [
      "a pattern that is none",
      "canaries: [{ id: canary, pattern: '(', decoy: false }]",
      /canaries\[0\]\.pattern: found "\("; accepted: a regular expression/,
    ],
  ])("with %s is refused by file, field, what was found and what is accepted", (_, text, words) => {
    const read = () => parseAuditRules(text, "rules.yaml");
    expect(read).toThrow(AuditRulesError);
    expect(read).toThrow(words);
  });
});
