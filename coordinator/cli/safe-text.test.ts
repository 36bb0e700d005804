import * as fc from "fast-check";
import { expect, test } from "vitest";
import { safeJson, safeLine, safeText } from "./safe-text.ts";

const esc = "\u001b";

test.each([
  ["colours", `${esc}[31mred${esc}[0m`, "red"],
  ["cursor movement and erasure", `a${esc}[2J${esc}[1;1Hb`, "ab"],
  ["a window title, ended by a bell", `a${esc}]0;owned\u0007b`, "ab"],
  [
    "a hyperlink, ended by a string terminator",
    `${esc}]8;;http://x${esc}\\link${esc}]8;;${esc}\\`,
    "link",
  ],
  ["a clipboard write", `a${esc}]52;c;cm0gLXJm\u0007b`, "ab"],
  ["device control strings", `a${esc}P+q544e${esc}\\b`, "ab"],
  ["sequences in their C1 form", "a\u009b31mb\u009dtitle\u009cc", "abc"],
  ["character set switches and resets", `a${esc}(0b${esc}cc`, "abc"],
  ["carriage returns and backspaces that overwrite", "fail\rpass\b\b", "failpass"],
  ["bidirectional overrides and isolates", "a\u202eb\u2066c\u200fd", "abcd"],
  ["zero-width characters, tags and byte order marks", "a\u200bb\u{e0041}c\ufeffd", "abcd"],
  ["line separators", "a\u2028b\u2029c", "abc"],
  ["half of a surrogate pair", "a\ud800b", "ab"],
  ["a sequence inside a sequence", `${esc}${esc}[31m[31mx`, "[31mx"],
  ["a sequence that the text ends in", `x${esc}[31`, "x"],
])("%s are dropped", (_, hostile, harmless) => {
  expect(safeText(hostile)).toBe(harmless);
});

test("a string sequence without an end hides no more than its line", () => {
  expect(safeText(`a${esc}]0;b\nc`)).toBe("a\nc");
});

test("letters of any script, tabs and newlines stay", () => {
  const text = "naïve\tλ → 日本語 😀\nשלום";
  expect(safeText(text)).toBe(text);
});

test("one line stays one line", () => {
  expect(safeLine(" a\n\tb\r\n  c ")).toBe("a b c");
});

const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(esc, "[", "]", "31m", "\u0007", "\u009b", "\u202e", "\\", "\n", "\u0000"),
      fc.string({ unit: "binary" }),
    ),
  )
  .map((parts) => parts.join(""));

test("nothing that a terminal acts on is left, whatever the text", () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      expect(safeText(text).replace(/[\t\n]/g, "")).not.toMatch(
        /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u,
      );
    }),
  );
});

test("JSON output loses nothing and holds nothing that a terminal acts on", () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      const json = safeJson({ text }, 2);
      expect(JSON.parse(json)).toEqual({ text });
      expect(json.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }),
  );
});

test("a megabyte of unfinished sequences is handled in linear time", () => {
  expect(safeText(`${esc}]`.repeat(500_000))).toBe("");
});
