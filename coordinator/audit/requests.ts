import type { AuditRules } from "./rules.ts";

/** An item of a list, or a path alone. */
const listed = /^(?:[-*+]\s|\d+[.)]\s)|^[`*]*[~./\w-]+[`*]*$/;
const pathWord = /(?<![\w/.~-])(?:~|\.{1,2})?\/[\w./*-]+|(?<![\w/.-])\.\.\/[\w./*-]+/g;

/**
 * Reads prose, line by line, for paths that it asks to look at. A line that ends in a colon asks for those listed below it;
 * what a sentence says not to do is not asked for.
 */
export function requestReader({ requests }: AuditRules): (line: string) => string[] {
  let lists = false;
  const pathsOf = (text: string): string[] =>
    [...text.matchAll(pathWord)].map(([path]) => path.replace(/[.,]+$/, ""));
  return (line) => {
    const text = line.trim();
    if (text === "") return [];
    if (lists && listed.test(text)) return pathsOf(text);
    const sentences = text
      .split(/(?<=[.!?:])\s/)
      .filter((one) => requests.asks.test(one.replace(requests.refrains, " ")));
    lists = text.endsWith(":") && sentences.some((one) => text.endsWith(one));
    return sentences.flatMap(pathsOf);
  };
}
