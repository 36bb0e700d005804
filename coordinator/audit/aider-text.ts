import type { AuditRules } from "./rules.ts";

/** What aider's own text shows: its model has no tools, but can propose commands and name files. */
export type AiderSign =
  /** A command that the model proposes; aider runs none without a person's yes. */
  | { readonly kind: "proposed"; readonly command: string }
  /** A command that was run, and what it printed. */
  | { readonly kind: "ran"; readonly command: string; readonly answer: string }
  /** A file that was put into the chat. */
  | { readonly kind: "added"; readonly path: string }
  /** A file that the model wants to be shown, or writes. */
  | { readonly kind: "asked"; readonly path: string };

/** A block of shell commands in an answer; one under a file's name is that file's content. */
const shellBlock =
  /(?:^|\n)(?<before>[^\n]*)\n?```(?:bash|sh|shell|console|zsh|terminal)[ \t]*\n(?<commands>.*?)(?:\n```|$)/gs;
const fileBlock = /(?:^|\n)[^\n]*\n```.*?(?:\n```|$)/gs;
const pathWord = /(?<![\w/.~-])(?:~|\.{1,2})?\/[\w./*-]+|(?<![\w/.-])\.\.\/[\w./*-]+/g;

/** Signs in an answer of aider's model. */
export function signsInAnswer(text: string, { aider }: AuditRules): AiderSign[] {
  const proposed = [...text.matchAll(shellBlock)].flatMap(({ groups }): AiderSign[] => {
    const before = groups?.["before"]?.trim() ?? "";
    if (/^[\w./-]+\.\w+$/.test(before)) return [];
    const command = (groups?.["commands"] ?? "").replace(/^\s*\$ /gm, "");
    return [{ kind: "proposed", command }];
  });
  const prose = text.replace(fileBlock, "\n");
  const asked = prose.split(/(?<=[.!?:])\s|\n/).flatMap((sentence): AiderSign[] => {
    if (!aider.asked.pattern.test(sentence)) return [];
    return [...sentence.matchAll(pathWord)].map(([path]) => ({
      kind: "asked",
      path: path.replace(/[.,]+$/, ""),
    }));
  });
  const written = [...text.matchAll(/(?:^|\n)\s*[*`]*([\w./~-]+)[*`]*\s*\n```/g)].map(
    ([, path = ""]): AiderSign => ({ kind: "asked", path }),
  );
  return [...proposed, ...asked, ...written];
}

/** Reads lines that aider prints for people; a command's output lasts until aider speaks again. */
export function aiderLineReader(rules: AuditRules): (line: string) => AiderSign[] {
  let running: { command: string; answer: string[] } | null = null;
  let block: string[] | null = null;
  let last = "";

  function finish(): AiderSign[] {
    if (running === null) return [];
    const { command, answer } = running;
    running = null;
    return [{ kind: "ran", command, answer: answer.join("\n") }];
  }

  return (raw) => {
    const line = raw.replace(/^> ?/, "").replace(/\s+$/, "");
    const ends =
      /^(?:Add [\d.]+k? (?:tokens|lines) of command output|Add command output|Tokens: |Applied edit|Run shell commands?\?)/.test(
        line,
      );
    const started = /^(?:Running|\$) (.+)$/.exec(line);
    const before = ends || started !== null ? finish() : [];
    const previous = last;
    last = line;
    if (started !== null) {
      running = { command: started[1] ?? "", answer: [] };
      return before;
    }
    if (running !== null) {
      running.answer.push(line);
      return before;
    }
    if (block !== null) {
      if (!line.startsWith("```")) {
        block.push(line);
        return before;
      }
      const command = block.join("\n");
      block = null;
      return [...before, { kind: "proposed", command }];
    }
    if (/^```(?:bash|sh|shell|console|zsh)$/.test(line) && !/^[\w./-]+\.\w+$/.test(previous))
      block = [];
    const added = rules.aider.added.pattern.exec(line)?.[1];
    return added === undefined ? before : [...before, { kind: "added", path: added }];
  };
}
