import { commandKinds } from "./command-line.ts";
import { fromProgram } from "./command-looks.ts";
import type { Look, LookMode, Step } from "./look.ts";
import { isAimed, lookAt, type ShellContext } from "./look-at.ts";
import type { WordsKind } from "./mentions.ts";
import type { Surroundings } from "./places.ts";
import { readProgram } from "./program-text.ts";
import { requestReader } from "./requests.ts";
import type { AuditRules } from "./rules.ts";
import { readShell, sourceOf } from "./shell.ts";

/** What a tool call says and does. */
export interface CallReading {
  readonly steps: readonly Step[];
  /** Whether the result of an error can still show something: a shell goes on after one. */
  readonly isShell: boolean;
  /** Texts of the agent's own. */
  readonly texts: readonly { readonly kind: WordsKind; readonly text: string }[];
  /** Files that it makes. */
  readonly wrote: readonly string[];
  /** Folder in which a shell's command ends; null if that is not sure, and for other tools. */
  readonly endsIn: string | null;
}

/** Reads the tool calls of one attempt, in order: later ones may run what earlier ones wrote. */
export interface CallReader {
  read(tool: string, input: string): CallReading;
  /** The shell's next command starts in this folder, which an earlier one has entered. */
  enter(folder: string): void;
  /** Steps of shell commands that stand in a text. */
  shell(text: string): readonly Step[];
}

type Tool = keyof AuditRules["tools"];

/** Most scripts of the agent's own that are remembered for what they look at. */
const maxScripts = 500;
const pathKey =
  /^(?:paths?|files?|file_?paths?|file_?names?|absolute_?paths?|notebook_path|director(?:y|ies)|dir|dir_?path|folder|target(?:_file|_directory)?|root|base_?path|search_?path|relative_?path)$/i;
const commandKey = /^(?:commands?|cmd|script|shell_command|args|argv)$/i;
const codeKey = /^(?:code|source|python|program)$/i;
const contentKey =
  /^(?:content|contents|file_text|new_?str(?:ing)?|new_?text|text|insert_text|patch|diff|new_source|edits|input)$/i;
const patternKey = /^(?:pattern|glob|glob_pattern|include)$/i;
const folderKey = /^(?:cwd|workdir|work_?dir|working_?dir(?:ectory)?|directory|dir)$/i;
const fileAddress = /^file:\/\/(?:localhost)?(\/\S*)$/;
/** What stands in a file already is not the agent's. */
const oldKey = /^(?:old_?str(?:ing)?|old_?text|search|callId|id)$/i;

/** An argument with the key that it stands under. */
interface Argument {
  readonly key: string;
  readonly text: string;
}

/** Starts to read the calls of one attempt. */
export function callReader(around: Surroundings, rules: AuditRules): CallReader {
  const kinds = commandKinds(rules);
  const scripts = new Map<string, readonly Step[]>();
  let shellFolder: string | null = null;
  let endsIn: string | null = null;

  function contextAt(folder: string, wrote: string[], source: string): ShellContext {
    return {
      rules,
      around,
      kinds,
      variables: new Map([
        ...Object.entries(rules.variables).map(([name, path]) => [name, [path]] as const),
        ["HOME", [rules.home]],
        ["PWD", [folder]],
        ["TMPDIR", ["/tmp"]],
      ]),
      state: { folder, enteredQuietly: false, unsure: false, filters: [] },
      source: sourceOf(source),
      script: (path) => scripts.get(path),
      wrote(word, text) {
        const named = around.resolve(word, this.state.folder);
        if (around.whereabouts(named).kind === "hidden") return;
        wrote.push(named.path);
        if (text !== null) keepScript(named.path, text);
      },
    };
  }

  /** A script is kept for what it looks at when it is run. */
  function keepScript(path: string, text: string): readonly Step[] {
    const steps = scriptSteps(path, text);
    scripts.delete(path);
    const looks = steps.some((step) => step.kind === "looks");
    if (looks && scripts.size < maxScripts) scripts.set(path, steps);
    return looks ? steps : [];
  }

  function scriptSteps(path: string, text: string): readonly Step[] {
    const isShell = /\.(?:sh|bash|zsh)$/.test(path) || /^#!.*\b(?:ba|z|da|k)?sh\b/.test(text);
    const isMake = /(?:^|\/)(?:GNU)?[Mm]akefile$|\.mk$/.test(path);
    if (isShell || isMake) return shell(isMake ? text.replace(/^\t@?/gm, "") : text);
    if (/\.(?:md|txt|json|ya?ml|toml|html?|css|sql|csv)$/.test(path)) return [];
    const reading = readProgram(text, around.start, around, rules);
    return fromProgram(reading, {
      silenced: false,
      quiet: false,
      shell: (command) => [...shell(command)],
    });
  }

  const shell = (text: string): readonly Step[] =>
    readShell(text, contextAt(around.start, [], text));

  function read(tool: string, input: string): CallReading {
    const args = argumentsOf(input);
    const kind = kindOf(tool, args, rules);
    const wrote: string[] = [];
    const texts = args
      .filter(({ key }) => !oldKey.test(key) && !pathKey.test(key))
      // What is searched for in a file stands there already.
      .filter(({ key }) => !(patternKey.test(key) && (kind === "grep" || kind === "glob")))
      .map(({ key, text }) => ({
        kind: isWords(key, kind) ? ("words" as const) : ("files" as const),
        text,
      }));
    endsIn = null;
    const steps = stepsOf(kind, args, wrote);
    return { steps, isShell: kind === "shell" || kind === "code", texts, wrote, endsIn };
  }

  function stepsOf(kind: Tool | null, args: readonly Argument[], wrote: string[]): readonly Step[] {
    const folder = args.find(({ key }) => folderKey.test(key))?.text;
    const context = contextAt(around.resolve(folder ?? ".", around.start).path, wrote, "");
    const streams = { silenced: false, quiet: false };
    const paths = args.flatMap(({ key, text }) =>
      pathKey.test(key) || fileAddress.test(text) ? [text.replace(fileAddress, "$1")] : [],
    );
    const look = (mode: LookMode, words: readonly string[]) =>
      lookAt(context, mode, words, streams);
    switch (kind) {
      case "shell": {
        const commands = args.filter(({ key }) => commandKey.test(key)).map(({ text }) => text);
        const command = commands.join(commands.length > 1 ? " " : "");
        const entered = folder === undefined ? [] : look("enter", [folder]);
        const start = folder === undefined ? (shellFolder ?? around.start) : context.state.folder;
        const inner = contextAt(start, wrote, command);
        const steps = readShell(command, inner);
        if (!inner.state.unsure && !inner.state.enteredQuietly) endsIn = inner.state.folder;
        return [...entered, ...steps];
      }
      case "code": {
        const code = args.map(({ text }) => text).join("\n");
        const reading = readProgram(code, context.state.folder, around, rules);
        return fromProgram(reading, { ...streams, shell: (text) => [...shell(text)] });
      }
      case "write": {
        const content = args.filter(({ key }) => contentKey.test(key)).map(({ text }) => text);
        for (const path of paths) context.wrote(path, content.join("\n"));
        return look("write", paths);
      }
      case "glob":
      case "grep":
        return searched(kind, args, paths, context);
      case "list":
        return look(
          "list",
          paths.map((path) => path || "."),
        );
      case "read":
        return look("read", paths);
      case "agent":
        return delegated(args, context);
      case null: {
        const commands = args.filter(({ key }) => commandKey.test(key)).map(({ text }) => text);
        return [...look("read", paths), ...commands.flatMap((text) => shell(text))];
      }
    }
  }

  /** What another agent is asked to look at; only names of files in its report tell that it did. */
  function delegated(args: readonly Argument[], context: ShellContext): readonly Step[] {
    const words = args.flatMap(({ text }) => text.split("\n").flatMap(requestReader(rules)));
    return lookAt(context, "read", words, { silenced: false, quiet: true }).map((step) =>
      step.kind === "looks"
        ? { ...step, looks: step.looks.map((one) => ({ ...one, shared: true })) }
        : step,
    );
  }

  /** A search by a tool: in a grader's place, or outside of the workspace for what a grader has. */
  function searched(
    kind: "glob" | "grep",
    args: readonly Argument[],
    paths: readonly string[],
    context: ShellContext,
  ): readonly Step[] {
    const patterns = args
      .filter(({ key }) =>
        kind === "glob" ? patternKey.test(key) : /^(?:glob|include)$/i.test(key),
      )
      .map(({ text }) => text);
    const roots = paths.length === 0 ? ["."] : paths;
    const rooted = patterns.flatMap((pattern) =>
      roots.map((root) => (/^[/~]/.test(pattern) ? pattern : `${root}/${pattern}`)),
    );
    const words = kind === "glob" ? rooted : roots;
    const looks = words.flatMap((word): Look[] => {
      const named = context.around.resolve(word, context.state.folder);
      const fixed = named.path.replace(/\/[^/]*[*?[{].*$/, "") || "/";
      const where = around.whereabouts(named);
      const base = { named, silenced: false, quiet: false, shared: false };
      if (where.kind === "hidden") return [{ ...base, mode: "list", rule: where.rule }];
      const root = around.resolve(fixed, "/");
      if (around.whereabouts(root).kind !== "outside") return [];
      const isAim = kind === "grep" || isAimed(patterns, rules);
      return [{ ...base, named: root, mode: "search", rule: isAim ? rules.search.id : null }];
    });
    return looks.length === 0 ? [] : [{ kind: "looks", looks, literals: [] }];
  }

  return {
    read,
    shell,
    enter(folder) {
      shellFolder = folder;
    },
  };
}

function kindOf(tool: string, args: readonly Argument[], { tools }: AuditRules): Tool | null {
  const name = tool.replace(/^.*(?:__|\.|:)/, "").toLowerCase();
  const known: readonly Tool[] = [
    "shell",
    "write",
    "glob",
    "grep",
    "list",
    "code",
    "read",
    "agent",
  ];
  const byName = known.find((kind) => tools[kind].test(name));
  // Pi's `find` takes a pattern, and a shell's command is one wherever it stands.
  if (byName !== undefined) return byName;
  if (args.some(({ key }) => codeKey.test(key))) return "code";
  return args.some(({ key }) => /^(?:command|cmd)$/i.test(key)) ? "shell" : null;
}

/** Content of files and commands is told from prose: names in it are no talk. */
function isWords(key: string, kind: Tool | null): boolean {
  if (commandKey.test(key) || patternKey.test(key) || codeKey.test(key)) return false;
  return !(kind === "write" && contentKey.test(key));
}

/** All texts of the arguments; what is no JSON is one text without a key. */
function argumentsOf(input: string): Argument[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(input);
  } catch {
    return [{ key: "command", text: input }];
  }
  return textsOf("command", parsed, 0);
}

function textsOf(key: string, value: unknown, depth: number): Argument[] {
  if (typeof value === "string") return [{ key, text: value }];
  if (typeof value !== "object" || value === null || depth > 6) return [];
  return Object.entries(value).flatMap(([name, part]) =>
    textsOf(Array.isArray(value) ? key : name, part, depth + 1),
  );
}
