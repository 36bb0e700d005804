import { requestReader } from "./requests.ts";
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

const toAsk = (path: string): AiderSign => ({ kind: "asked", path });

/** Signs in an answer of aider's model. */
export function signsInAnswer(text: string, rules: AuditRules): AiderSign[] {
  const proposed = [...text.matchAll(shellBlock)].flatMap(({ groups }): AiderSign[] => {
    const before = groups?.["before"]?.trim() ?? "";
    if (/^[\w./-]+\.\w+$/.test(before)) return [];
    const command = (groups?.["commands"] ?? "").replace(/^\s*\$ /gm, "");
    return [{ kind: "proposed", command }];
  });
  const asked = text.replace(fileBlock, "\n").split("\n").flatMap(requestReader(rules)).map(toAsk);
  const written = [...text.matchAll(/(?:^|\n)\s*[*`]*([\w./~-]+)[*`]*\s*\n```/g)].map(
    ([, path = ""]): AiderSign => ({ kind: "asked", path }),
  );
  return [...proposed, ...asked, ...written];
}

/** What aider itself says of its commands and of files. */
const spoken = /^(?:Use \/|Add(?:ed)? |Dropp|Applied|Creat|Skipp|Warning|Model|Git repo|Repo-map)/;

/** Reads lines that aider prints for people; a command's output lasts until aider speaks again. */
export function aiderLineReader(rules: AuditRules): (line: string) => AiderSign[] {
  let running: { command: string; answer: string[] } | null = null;
  let block: string[] | null = null;
  let isFenced = false;
  let last = "";
  const requests = requestReader(rules);

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
    if (line.startsWith("```")) isFenced = !isFenced;
    if (/^```(?:bash|sh|shell|console|zsh)$/.test(line) && !/^[\w./-]+\.\w+$/.test(previous)) {
      block = [];
      isFenced = false;
    }
    const added = rules.aider.added.pattern.exec(line)?.[1];
    if (added !== undefined) return [...before, { kind: "added", path: added }];
    return isFenced || spoken.test(line) ? before : [...before, ...requests(line).map(toAsk)];
  };
}

/** Words of aider itself, in a line of its launcher; null for any other line. */
export function noteOf(text: string): string | null {
  if (!text.startsWith('{"type":')) return null;
  try {
    const said: unknown = JSON.parse(text);
    const isNote = typeof said === "object" && said !== null && "text" in said && "type" in said;
    return isNote && said.type === "note" && typeof said.text === "string" ? said.text : null;
  } catch {
    return null;
  }
}
