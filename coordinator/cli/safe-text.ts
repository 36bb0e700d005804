/**
 * Text that an agent, a model or code under test wrote may try to move the cursor, rewrite lines
 * above, set the window's title, answer for the keyboard, or show letters in another order than they
 * stand. Everything of that kind is dropped; what is left is letters, tabs and newlines.
 */

const escape = 0x1b;
const bell = 0x07;
const stringTerminator = 0x9c;
/** C1 forms of `ESC P`, `ESC X`, `ESC ]`, `ESC ^` and `ESC _`, which carry strings. */
const stringIntroducers = new Set([0x90, 0x98, 0x9d, 0x9e, 0x9f]);
const controlSequenceIntroducer = 0x9b;

/**
 * Controls (C0 and C1), invisible format characters (bidirectional overrides and isolates, zero-width
 * characters, tags), Unicode's own line separators and lone surrogates.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The harmless part of `text`, with its tabs and newlines. Takes time linear in its length. */
export function safeText(text: string): string {
  return withoutSequences(text).replace(unprintable, (character) =>
    character === "\n" || character === "\t" ? character : "",
  );
}

/** The same on one line, for tables and messages: each run of white space is one blank. */
export function safeLine(text: string): string {
  return safeText(text).replace(/\s+/g, " ").trim();
}

/**
 * JSON that a terminal shows as it is: every character that {@link safeText} would drop is written as
 * an escape, so that nothing is lost for programs.
 */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(unprintable, (character) =>
    character === "\n"
      ? character
      : character
          .split("")
          .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
          .join(""),
  );
}

/** Drops escape sequences whole, so that their parameters do not remain as litter. */
function withoutSequences(text: string): string {
  let kept = "";
  let position = 0;
  while (position < text.length) {
    const end = endOfSequence(text, position);
    if (end === position) kept += text[position++];
    else position = end;
  }
  return kept;
}

/** Where the escape sequence at `start` ends; `start` itself if none begins there. */
function endOfSequence(text: string, start: number): number {
  const code = text.charCodeAt(start);
  if (code === controlSequenceIntroducer) return endOfControlSequence(text, start + 1);
  if (stringIntroducers.has(code)) return endOfString(text, start + 1);
  if (code !== escape) return start;
  const next = text[start + 1] ?? "";
  if (next === "[") return endOfControlSequence(text, start + 2);
  if (next !== "" && "PX]^_".includes(next)) return endOfString(text, start + 2);
  const final = skipRange(text, start + 1, 0x20, 0x2f);
  return isIn(text, final, 0x30, 0x7e) ? final + 1 : final;
}

function endOfControlSequence(text: string, start: number): number {
  const intermediates = skipRange(text, start, 0x30, 0x3f);
  const final = skipRange(text, intermediates, 0x20, 0x2f);
  return isIn(text, final, 0x40, 0x7e) ? final + 1 : final;
}

/**
 * A string without an end would hide all text after it; it is taken to end with its line, since its
 * letters do no harm once the introducer is gone.
 */
function endOfString(text: string, start: number): number {
  for (let position = start; position < text.length; position += 1) {
    const code = text.charCodeAt(position);
    if (code === bell || code === stringTerminator) return position + 1;
    if (code === escape) return text[position + 1] === "\\" ? position + 2 : position;
    if (text[position] === "\n") return position;
  }
  return text.length;
}

function skipRange(text: string, start: number, first: number, last: number): number {
  let position = start;
  while (isIn(text, position, first, last)) position += 1;
  return position;
}

function isIn(text: string, position: number, first: number, last: number): boolean {
  const code = text.charCodeAt(position);
  return code >= first && code <= last;
}
