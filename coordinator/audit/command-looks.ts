import { posix } from "node:path";
import type { Statement } from "unbash";
import { copy, pack } from "./command-copies.ts";
import { type CommandLine, operands, possiblePaths } from "./command-line.ts";
import { find, grep } from "./command-search.ts";
import type { Look, LookMode, Step } from "./look.ts";
import {
  type CommandUse,
  isAimed,
  lookAt,
  looksIn,
  type ShellContext,
  type Streams,
  searchIn,
} from "./look-at.ts";
import { type ProgramReading, readProgram } from "./program-text.ts";
import type { CommandKind } from "./rules.ts";
import { statusMark, unknownMark } from "./shell-words.ts";

const other: Step = { kind: "other" };

/** What one command looks at and prints. */
export function lookOfCommand(line: CommandLine, use: CommandUse): Step[] {
  const { context, kind } = use;
  const settings = line.settings.flatMap((value) => value.split(":"));
  const bySettings = lookAt(context, "run", settings, use).flatMap(looksIn);
  const steps = kind === undefined ? lookOfProgram(line, use) : lookOfKind(kind, line, use);
  if (bySettings.length === 0) return steps;
  return [{ kind: "looks", looks: [...bySettings, ...steps.flatMap(looksIn)], literals: [] }];
}

function lookOfKind(kind: CommandKind, line: CommandLine, use: CommandUse): Step[] {
  const { context } = use;
  const { args } = line;
  const orOther = (steps: Step[]): Step[] =>
    steps.length > 0 ? steps : use.silenced || use.target !== null ? [] : [other];
  switch (kind) {
    case "print":
      return print(line, use);
    case "silent": {
      const [path = unknownMark] = operands(args, /^-s$/);
      const isName = line.name === "dirname" || line.name === "basename";
      if (!isName || path.includes(unknownMark)) return [];
      return [
        {
          kind: "print",
          text: line.name === "dirname" ? posix.dirname(path) : posix.basename(path),
        },
      ];
    }
    case "probe":
      return lookAt(
        context,
        "probe",
        args.filter((_, at) => /^-[a-zA-Z]$/.test(args[at - 1] ?? "")),
        use,
      );
    case "state":
      return orOther(lookAt(context, "state", operands(args, /^-(?:c|f|-format)$/), use));
    case "list": {
      const paths = operands(args, /^-(?:L|I|P|w|-level)$/);
      const isOne = args.some((word) => /^-[a-zA-Z]*d[a-zA-Z]*$/.test(word)) && line.name === "ls";
      const words = paths.length === 0 ? ["."] : paths;
      const looks = isOne ? lookAt(context, "state", words, use) : [];
      return orOther(looks.length > 0 ? looks : lookAt(context, "list", words, use));
    }
    case "read": {
      const files = operands(args, /^-(?:n|c|d|f|w|N|j|k|t|A|s)$/);
      const read = lookAt(context, "read", files, use);
      if (use.target !== null && args.length === 0) context.wrote(use.target, use.input);
      else if (use.target !== null) context.wrote(use.target, null);
      return orOther(read).map((step) => (step.kind === "other" ? { ...step, files } : step));
    }
    case "copy":
      return copy(args, use);
    case "pack":
      return pack(line, use);
    case "write": {
      for (const path of operands(args))
        context.wrote(path, line.name === "tee" ? use.input : null);
      return lookAt(context, "write", operands(args), use);
    }
    case "grep":
      return orOther(grep(line, use));
    case "script": {
      const paths = operands(args, /^-(?:e|f|F|v|l|i\S*)$/);
      const hasScript = args.some((word) => /^-(?:e|f)/.test(word));
      const isWrite =
        line.name === "sed" && args.some((word) => /^-[a-z]*i|^--in-place/.test(word));
      return orOther(
        lookAt(context, isWrite ? "write" : "read", hasScript ? paths : paths.slice(1), use),
      );
    }
    case "find":
      return orOther(find(line, use));
    case "shell":
      return orOther(shell(line, use));
    case "program":
      return orOther(program(line, use));
    case "processes":
    case "history":
      return orOther(byNames(kind, line, use));
    case "wrapper":
      return [other];
  }
}

function print({ name, args }: CommandLine, use: CommandUse): Step[] {
  const words = args.filter((word, at) => !(at === 0 && /^-[neE]+$/.test(word)));
  const [format = "", ...values] = words;
  const formatted = () => {
    let at = 0;
    return unescaped(format.replace(/%[sdqb]/g, () => values[at++] ?? ""));
  };
  const isEscaped = /^-[nE]*e/.test(args[0] ?? "");
  const said = isEscaped ? unescaped(words.join(" ")) : words.join(" ");
  const text = name === "printf" ? formatted() : said;
  if (use.target !== null) {
    use.context.wrote(use.target, text);
    return [];
  }
  if (use.silenced) return [];
  // `echo /tests/*` is a listing.
  const listed = lookAt(
    use.context,
    "list",
    words.filter((word) => /^[^\s]*[*?[]/.test(word)),
    use,
  );
  if (listed.some((step) => looksIn(step).some(({ rule }) => rule !== null))) return listed;
  if (text.includes(statusMark)) return [{ kind: "status" }];
  return [{ kind: "print", text }];
}

/** Text with the escapes of `printf` as the characters that they stand for. */
const unescaped = (text: string): string =>
  text
    .replace(/\\x([0-9a-fA-F]{1,2})|\\0?([0-7]{3})/g, (_, hexadecimal?: string, octal?: string) =>
      String.fromCharCode(
        Number.parseInt(hexadecimal ?? octal ?? "0", hexadecimal === undefined ? 8 : 16),
      ),
    )
    .replaceAll("\\n", "\n")
    .replaceAll("\\t", "\t");

function shell({ name, args }: CommandLine, use: CommandUse): Step[] {
  const at = args.findIndex((word) => /^-[a-z]*c$/.test(word));
  if (at !== -1) return asShown(use.shell(args[at + 1] ?? ""), use);
  const [script, ...rest] = operands(args, /^-(?:o|O)$/);
  if (script === undefined) return use.input === null ? [] : asShown(use.shell(use.input), use);
  const own = scriptAt(script, use);
  return (
    own ??
    lookAt(
      use.context,
      name === "source" || name === "." ? "read" : "run",
      [script, ...possiblePaths(rest)],
      use,
    ).map(alone)
  );
}

function program({ args }: CommandLine, use: CommandUse): Step[] {
  const { context } = use;
  const at = args.findIndex((word) => /^(?:-[a-zA-Z]*[cepr]|--eval|--print|eval)$/.test(word));
  const text = at === -1 ? null : (args[at + 1] ?? "");
  if (text !== null) {
    // Words behind its text are the files that it reads, or what it makes of them.
    const files = lookAt(context, "run", possiblePaths(args.slice(at + 2)), use).map(alone);
    return [...fromProgram(readOf(text, context), use), ...files];
  }
  const words = operands(args, /^-(?:m|W|X|I|r)$/);
  const [script] = words;
  if ((script === undefined || script === "-") && use.input !== null) {
    return fromProgram(readOf(use.input, context), use);
  }
  const own = args.includes("-m") || script === undefined ? undefined : scriptAt(script, use);
  const looks = lookAt(context, "run", possiblePaths(args), use).map(alone);
  return own === undefined ? looks : [...own, ...looks];
}

const readOf = (text: string, { state, around, rules }: ShellContext): ProgramReading =>
  readProgram(text, state.folder, around, rules);

/** Steps of a program's text, and of the commands that it hands to a shell. */
export function fromProgram(
  reading: ProgramReading,
  use: Pick<CommandUse, "silenced" | "quiet" | "shell">,
): Step[] {
  const inner = reading.commands.flatMap((command) => use.shell(command)).flatMap(looksIn);
  const looks = [...reading.looks, ...inner].map((look) => ({ ...look, silenced: use.silenced }));
  return looks.length === 0 ? [] : [{ kind: "looks", looks, literals: reading.literals }];
}

function scriptAt(word: string, use: CommandUse): Step[] | undefined {
  const steps = use.context.script(use.context.around.resolve(word, use.context.state.folder).path);
  return steps === undefined ? undefined : asShown(steps, use);
}

const asShown = (steps: readonly Step[], { silenced }: Streams): Step[] =>
  steps.flatMap((step): Step[] =>
    step.kind === "looks"
      ? [
          {
            ...step,
            looks: step.looks.map((look) => ({ ...look, silenced: look.silenced || silenced })),
          },
        ]
      : silenced
        ? []
        : [step],
  );

/** Arguments beside a program's own file print nothing. */
const alone = (step: Step): Step =>
  step.kind === "looks"
    ? { ...step, looks: step.looks.map((look) => ({ ...look, shared: false })) }
    : step;

/** A command that no rule names: a program by its path, a compiler, a test runner. */
function lookOfProgram(line: CommandLine, use: CommandUse): Step[] {
  const { context } = use;
  if (line.name === "cd" || line.name === "pushd") return enter(line.args, use);
  if (line.name === "eval") return asShown(use.shell(line.args.join(" ")), use);
  if (line.name === "") return [];
  if (line.name === "pwd")
    return use.silenced ? [] : [{ kind: "print", text: context.state.folder }];
  const own = line.name.includes("/") ? scriptAt(line.name, use) : undefined;
  const named = line.name.includes("/") ? [line.name] : [];
  const looks = lookAt(context, "run", [...named, ...possiblePaths(line.args)], use).map(alone);
  const files = /^g?make$/.test(line.name) ? [...line.args, "Makefile", "makefile"] : line.args;
  const scripts = files.flatMap((word) => scriptAt(word, use) ?? []);
  const piped = use.input === null ? [] : fromProgram(readOf(use.input, context), use);
  const steps = [...(own ?? []), ...scripts, ...piped, ...looks];
  return steps.length > 0 || use.silenced ? steps : [other];
}

function enter(args: readonly string[], { context, ...use }: CommandUse): Step[] {
  const [word = "~"] = operands(args);
  const steps = lookAt(context, "enter", [word], use);
  // A folder that is not known is taken for one of the workspace's.
  if (word !== "-" && !word.startsWith(unknownMark))
    context.state.folder = context.around.resolve(word, context.state.folder).path;
  context.state.unsure = false;
  context.state.enteredQuietly = steps.length > 0 && use.quiet;
  return steps;
}

function byNames(kind: "processes" | "history", line: CommandLine, use: CommandUse): Step[] {
  const { context } = use;
  const rule = context.rules[kind];
  const words = line.args.filter(
    (_, at) => !/^-(?:m|-message|-author)$/.test(line.args[at - 1] ?? ""),
  );
  const isWrite =
    kind === "history" &&
    /^(?:add|commit|rm|mv|init|config|checkout|stash|apply)$/.test(line.args[0] ?? "");
  const asked = kind === "processes" ? [...words, ...context.state.filters] : isWrite ? [] : words;
  const looks = lookAt(context, "read", possiblePaths(words), use).flatMap(looksIn);
  const match = asked.find((word) => rule.names.test(word));
  const elsewhere = kind === "history" && !isWrite ? inRepository(line, use) : [];
  if (match === undefined && looks.length === 0) return elsewhere;
  const named = { word: match ?? "", path: "" };
  const { silenced, quiet } = use;
  // What such a look shows is told by what it names; processes show no test.
  const mode: LookMode = kind === "processes" ? "probe" : "read";
  const own: Look[] =
    match === undefined ? [] : [{ mode, named, rule: rule.id, silenced, quiet, shared: false }];
  return [{ kind: "looks", looks: [...looks, ...own], literals: [] }];
}

/** A repository outside of the workspace: what it shows, or the names that it is asked for, tell. */
function inRepository({ args }: CommandLine, use: CommandUse): Step[] {
  const { context } = use;
  const folder =
    args.find((_, at) => /^(?:-C|--git-dir|--work-tree|-R)$/.test(args[at - 1] ?? "")) ??
    /^--(?:git-dir|work-tree)=(.*)$/s.exec(args.find((word) => word.includes("=")) ?? "")?.[1];
  const asked = args.filter((word) => word !== folder);
  const rule = isAimed([...asked, ...context.state.filters], context.rules);
  return searchIn([folder ?? "."], rule ? context.rules.search.id : null, "read", use);
}

/** What the last command of a substitution is known to print. */
export function knownOutput(steps: readonly Step[], commands: readonly Statement[]): string {
  const last = steps.at(-1);
  return commands.length === 1 && last?.kind === "print" ? last.text : unknownMark;
}
