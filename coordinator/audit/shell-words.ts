import type { ParsedScript, Word, WordPart } from "unbash";

/** Values of variables as far as they are known; several after a loop over several. */
export type Variables = Map<string, readonly string[]>;

/** Answers what a substituted command prints, or that it is not known. */
export type Substitute = (script: ParsedScript) => string;

/** Stands in a word for the exit code of the last command. */
export const statusMark = "\u0001";

/** Stands in a word for text that is not known, such as the value of a variable that nobody set. */
export const unknownMark = "\u0002";

/** Most words that one may expand to. */
const maxExpanded = 32;

/** Words that a shell makes of one: variables and braces are expanded, wildcards stay. */
export function expandWord(word: Word, variables: Variables, substitute: Substitute): string[] {
  const parts = word.parts;
  if (parts === undefined) return [word.value];
  let words = [""];
  for (const part of parts) {
    const ends = expandPart(part, variables, substitute);
    words = words.flatMap((head) => ends.map((end) => head + end)).slice(0, maxExpanded);
  }
  return words;
}

function expandPart(
  part: WordPart,
  variables: Variables,
  substitute: Substitute,
): readonly string[] {
  switch (part.type) {
    case "Literal":
    case "SingleQuoted":
    case "AnsiCQuoted":
    case "Glob":
      return [part.value];
    case "DoubleQuoted":
    case "LocaleString":
      return part.parts.reduce<readonly string[]>(
        (heads, inner) =>
          heads
            .flatMap((head) => expandPart(inner, variables, substitute).map((end) => head + end))
            .slice(0, maxExpanded),
        [""],
      );
    case "SimpleExpansion":
      return valueOf(part.text.replace(/^\$/, ""), variables);
    case "ParameterExpansion": {
      const known = valueOf(part.parameter, variables);
      if (known.some((value) => value !== unknownMark)) return known;
      return part.operation?.type === "Default"
        ? expandWord(part.operation.operand, variables, substitute)
        : known;
    }
    case "CommandExpansion":
      return [part.script === undefined ? unknownMark : substitute(part.script)];
    case "ProcessSubstitution":
      if (part.script !== undefined) substitute(part.script);
      return [""];
    case "ArithmeticExpansion":
      return ["0"];
    case "ExtendedGlob":
      return [part.text];
    case "BraceExpansion":
      return expandBraces(part.text);
  }
}

function valueOf(name: string, variables: Variables): readonly string[] {
  if (name === "?") return [statusMark];
  return variables.get(name) ?? [unknownMark];
}

/** `{a,b}` as its alternatives; ranges as their first. */
function expandBraces(text: string): readonly string[] {
  const inner = text.slice(1, -1);
  const range = /^([^.]+)\.\.[^.]+$/.exec(inner);
  if (range !== null) return [range[1] ?? ""];
  const alternatives: string[] = [];
  let depth = 0;
  let current = "";
  for (const character of inner) {
    if (character === "," && depth === 0) {
      alternatives.push(current);
      current = "";
      continue;
    }
    if (character === "{") depth += 1;
    if (character === "}") depth -= 1;
    current += character;
  }
  return [...alternatives, current].map((one) => one.replace(/^(["'])(.*)\1$/, "$2"));
}
