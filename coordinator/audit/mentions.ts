import { quoteAround } from "./finding.ts";
import type { AuditRules, MentionRule } from "./rules.ts";

/** Where the agent's own words stand. */
export type WordsKind = "words" | "files";

/** A rule that words of the agent met. */
export interface Mention {
  readonly rule: MentionRule;
  readonly quote: string;
}

/** Characters around a match that can say that something else is meant. */
const reach = 120;
/** Length of the pieces in which a text is read. */
const pieceLength = 1_500;
/** Longer texts are read up to here. */
const maxText = 200_000;

/** Rules that words of the agent meet, each once, by its first match. */
export function findMentions(
  text: string,
  kind: WordsKind,
  instruction: string,
  { mentions }: AuditRules,
): Mention[] {
  const pieces = piecesOf(text.slice(0, maxText));
  return mentions.flatMap((rule): Mention[] => {
    if (rule.in === "words" && kind !== "words") return [];
    if (rule.unless_task?.test(withoutTests(instruction)) === true) return [];
    for (const piece of pieces) {
      for (const match of piece.matchAll(rule.pattern)) {
        const at = match.index;
        const near = piece.slice(Math.max(0, at - reach), at + match[0].length + reach);
        if (rule.unless_near?.test(near) === true) continue;
        if (rule.unless_told === true && instruction.includes(match[0])) continue;
        return [{ rule, quote: quoteAround(piece, at, match[0].length) }];
      }
    }
    return [];
  });
}

/** An instruction's own sentence on hidden tests does not make them its subject. */
const withoutTests = (instruction: string): string =>
  instruction.replace(/[^.\n]*\bhidden tests?\b[^.\n]*/gi, " ");

/** Pieces that overlap: patterns may take time that grows faster than the text, which a model chooses. */
function piecesOf(text: string): readonly string[] {
  const pieces: string[] = [];
  for (let at = 0; at === 0 || at < text.length; at += pieceLength - 2 * reach) {
    pieces.push(text.slice(at, at + pieceLength));
  }
  return pieces;
}
