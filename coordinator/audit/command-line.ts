import type { AuditRules, CommandKind } from "./rules.ts";

/** Words of one command after its wrappers, such as `sudo` and `timeout 5`. */
export interface CommandLine {
  readonly name: string;
  readonly args: readonly string[];
  /** Values that wrappers set in its environment. */
  readonly settings: readonly string[];
}

/** Options of wrappers that take a word. */
const wrapperOptions = /^-(?:u|g|I|n|P|L|s|k|S|C|d|a|E|r)$/;
const setting = /^[A-Za-z_]\w*=(.*)$/s;

/** Takes wrappers off; `xargs` and `find -exec` wrap as well. */
export function unwrapped(words: readonly string[], kinds: CommandKinds): CommandLine {
  const settings: string[] = [];
  let at = 0;
  for (let wraps = true; wraps && at < words.length; ) {
    const word = words[at] ?? "";
    wraps = kinds(word) === "wrapper";
    if (!wraps) break;
    at += 1;
    while (at < words.length) {
      const next = words[at] ?? "";
      const set = setting.exec(next);
      if (set !== null) settings.push(set[1] ?? "");
      else if (
        /^\d+(?:\.\d+)?[smhd]?$/.test(next) ||
        (word !== "exec" && next === "run") ||
        next === "--"
      ) {
        // A number of seconds, or uv's and poetry's subcommand.
      } else if (next.startsWith("-")) {
        if (wrapperOptions.test(next) && !(words[at + 1] ?? "-").startsWith("-")) at += 1;
      } else break;
      at += 1;
    }
  }
  return { name: words[at] ?? "", args: words.slice(at + 1), settings };
}

/**
 * Words of a command; `xargs` adds those of its input.
 * @param input text at its standard input; null if that is not known
 */
export function withInput(words: readonly string[], input: string | null): readonly string[] {
  if (input === null || !words.some((word) => /^(?:xargs|parallel)$/.test(word))) return words;
  const more = input.split(/\s+/).filter((word) => word !== "");
  const mark = words.findIndex((word) => word.includes("{}"));
  return mark === -1
    ? [...words, ...more]
    : words.map((word) => (word === "-I{}" ? word : word.replace("{}", more[0] ?? "")));
}

/** What a command does, by its name or path; undefined if the rules do not know it. */
export type CommandKinds = (name: string) => CommandKind | undefined;

/** Reads the lists of the rules; versions at a name's end do not count, as in `python3.11`. */
export function commandKinds({ commands }: AuditRules): CommandKinds {
  const kinds = new Map<string, CommandKind>();
  for (const kind of Object.keys(commands)) {
    if (isKind(kind, commands)) for (const name of commands[kind]) kinds.set(name, kind);
  }
  return (name) => {
    const base = /^(?:\/(?:usr\/)?(?:local\/)?s?bin\/)?([^/]+)$/.exec(name)?.[1] ?? "";
    return kinds.get(base) ?? kinds.get(base.replace(/(?<=[a-z]\d?)\.?\d*(?:\.\d+)*$/, ""));
  };
}

const isKind = (kind: string, commands: AuditRules["commands"]): kind is CommandKind =>
  Object.hasOwn(commands, kind);

/** Words that are no options; with `--` all that follow it. */
export function operands(args: readonly string[], valued: RegExp = /^$/): string[] {
  const found: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] ?? "";
    if (word === "--") return [...found, ...args.slice(at + 1)];
    if (valued.test(word)) at += 1;
    else if (!word.startsWith("-") || word === "-") found.push(word);
  }
  return found;
}

/** Paths that a command that is not known may use: words, values of `--option=value` and of `-Ivalue`. */
export function possiblePaths(args: readonly string[]): string[] {
  return args.flatMap((word, at) => {
    // A message or a header is no path.
    if (/^-(?:m|H|-message|-header|-data|d|X)$/.test(args[at - 1] ?? "")) return [];
    const value =
      /^-{1,2}[\w-]+=(.*)$/s.exec(word)?.[1] ??
      /^-[ILF](\/.*)$/.exec(word)?.[1] ??
      /^[a-z_]+=((?:\/|\.\.\/|~\/).*)$/.exec(word)?.[1] ??
      word;
    const path = value.replace(/^(?:file:\/\/|@)/, "").replace(/::[\w:[\]-]+$/, "");
    return /\s|:\/\//.test(path) || path.startsWith("-") ? [] : [path];
  });
}
