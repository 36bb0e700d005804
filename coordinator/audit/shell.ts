import {
  type AndOr,
  type Command,
  type CommandNode,
  type CompoundList,
  type ParsedScript,
  type PipelineNode,
  parse,
  type Redirected,
  type Redirection,
  type Statement,
} from "unbash";
import { unwrapped, withInput } from "./command-line.ts";
import { knownOutput, lookOfCommand } from "./command-looks.ts";
import type { Look, Step } from "./look.ts";
import { lookAt, type ShellContext } from "./look-at.ts";
import { expandWord, unknownMark } from "./shell-words.ts";

/** Deepest nesting that is followed, of shells in shells and of loops. */
const maxDepth = 12;
/** Most steps of one command that are told apart. */
const maxSteps = 400;
/** Longest command that is read. */
const maxLength = 60_000;
/** Most values of a loop's variable for which its body is read. */
const maxRounds = 16;

/** How the output of a command is used. */
interface Use {
  readonly silenced: boolean;
  readonly quiet: boolean;
  /** Text that reaches its standard input, if it is known. */
  readonly input: string | null;
}
const plain: Use = { silenced: false, quiet: false, input: null };

/** Reads a shell command for what it looks at and prints. Never throws: what cannot be parsed is read as far as it goes. */
export function readShell(text: string, context: ShellContext, depth = 0): Step[] {
  if (depth > maxDepth) return [{ kind: "other" }];
  const script = parse(text.slice(0, maxLength));
  return readList(script.commands, context, depth);
}

function readList(commands: readonly Statement[], context: ShellContext, depth: number): Step[] {
  const steps: Step[] = [];
  for (const { command } of commands) {
    if (steps.length > maxSteps) break;
    steps.push(...readNode(command, context, depth + 1, plain));
    // What follows runs as well if the folder could not be entered, and nobody would see that.
    if (context.state.enteredQuietly) context.state.unsure = true;
  }
  return steps;
}

type Node = PipelineNode | AndOr | CompoundList;

function readNode(node: Node, context: ShellContext, depth: number, use: Use): Step[] {
  if (depth > maxDepth) return [{ kind: "other" }];
  const list = (commands: CompoundList) => asUsed(readList(commands.commands, context, depth), use);
  switch (node.type) {
    case "CompoundList":
      return list(node);
    case "AndOr":
      return node.commands.flatMap((one) => readNode(one, context, depth, use));
    case "Pipeline":
      return readPipeline(node.commands, context, depth, use);
    case "Command":
      return readCommand(node, context, depth, use);
    case "Redirected":
      return readRedirected(node, context, depth, use);
    case "Subshell": {
      const folder = context.state.folder;
      const steps = list(node.body);
      context.state.folder = folder;
      return steps;
    }
    case "BraceGroup":
      return list(node.body);
    case "If":
      return [
        ...list(node.clause),
        ...list(node.then),
        ...node.elif.flatMap((one) => [...list(one.clause), ...list(one.then)]),
        ...(node.else === undefined ? [] : list(node.else)),
      ];
    case "While":
      return [...list(node.clause), ...list(node.body)];
    case "For":
    case "Select": {
      const inner: Step[] = [];
      const words = (node.wordlist ?? []).flatMap((word) => expand(word, context, depth, inner));
      const values = words.flatMap((word) => word.split(/\s+/)).slice(0, maxRounds);
      const rounds = (values.length === 0 ? [unknownMark] : values).flatMap((value) => {
        context.variables.set(node.name.value, [value]);
        return list(node.body);
      });
      return [...withoutOutput(inner), ...rounds.slice(0, maxSteps)];
    }
    case "ArithmeticFor":
    case "Function":
    case "Coproc":
      return readNode(node.body, context, depth + 1, use);
    case "Case":
      return node.items.flatMap((item) => list(item.body));
    case "TestCommand":
      return lookOfCommand(testWords(node, context, depth), {
        ...use,
        context,
        kind: "probe",
        target: null,
        shell: () => [],
      });
    case "ArithmeticCommand":
      return [];
  }
}

function readRedirected(node: Redirected, context: ShellContext, depth: number, use: Use): Step[] {
  const inner: Step[] = [];
  const redirected = redirections(node.redirects, context, depth, inner);
  const text = redirected.input ?? use.input;
  const steps = readNode(node.command, context, depth + 1, {
    silenced: use.silenced || redirected.silenced,
    quiet: use.quiet || redirected.quiet,
    input: text,
  });
  return [...inner, ...redirected.steps, ...steps];
}

/** Output that goes into the next command is not shown, but what that makes of it is. */
function readPipeline(
  commands: readonly CommandNode[],
  context: ShellContext,
  depth: number,
  use: Use,
): Step[] {
  if (commands.length === 1 && commands[0] !== undefined) {
    return readNode(commands[0], context, depth, use);
  }
  const before = context.state.filters;
  let input: string | null = null;
  let all: Step[] = [];
  for (const [index, command] of commands.entries()) {
    context.state.filters = commands
      .slice(index + 1)
      .map(({ pos, end }) => context.source(pos, end));
    const steps = readNode(command, context, depth + 1, { ...use, silenced: false, input });
    input = printed(steps) ?? decoded(command, context, input);
    const isLast = index === commands.length - 1;
    all = [...all, ...(isLast ? steps : steps.filter((step) => step.kind === "looks"))];
  }
  context.state.filters = before;
  const end = commands.at(-1);
  const counts = end !== undefined && /^(?:wc|grep -c)\b/.test(context.source(end.pos, end.end));
  const looks = all
    .flatMap((step) => (step.kind === "looks" ? step.looks : []))
    .map((look): Look => (counts && look.mode === "read" ? { ...look, mode: "list" } : look));
  const literals = all.flatMap((step) => (step.kind === "looks" ? step.literals : []));
  if (looks.length > 0) return asUsed([{ kind: "looks", looks, literals }], use);
  if (input !== null) return asUsed([{ kind: "print", text: input }], use);
  return asUsed(all.length === 0 ? [{ kind: "other" }] : all.slice(-1), use);
}

/** What steps are known to print, if all of it is known. */
function printed(steps: readonly Step[]): string | null {
  const texts = steps.map((step) => (step.kind === "print" ? step.text : null));
  return texts.length > 0 && texts.every((text) => text !== null) ? texts.join("\n") : null;
}

/** What a filter makes of text that is known. */
function decoded(command: CommandNode, context: ShellContext, input: string | null): string | null {
  if (input === null || command.type !== "Command") return null;
  const source = context.source(command.pos, command.end);
  if (/^base64\s+(?:-d|-D|--decode)\b/.test(source)) {
    return Buffer.from(input.trim(), "base64").toString("utf8");
  }
  if (/^xxd\s+-r\s+-p|^xxd\s+-p\s+-r/.test(source))
    return Buffer.from(input.trim(), "hex").toString("utf8");
  return /^rev\b/.test(source) ? Array.from(input).toReversed().join("") : null;
}

function readCommand(node: Command, context: ShellContext, depth: number, use: Use): Step[] {
  const inner: Step[] = [];
  const settings: string[] = [];
  for (const part of node.prefix) {
    if (part.type !== "Assignment" || part.value.type !== "Word") continue;
    const values = expand(part.value, context, depth, inner);
    settings.push(...values);
    if (node.name === undefined) context.variables.set(part.name, values);
  }
  const redirected = redirections(node.redirects, context, depth, inner);
  const before = context.state.filters;
  // What a substitution finds is what such a command reads.
  const reads = context.kinds(node.name?.value ?? "") === "read";
  if (reads) context.state.filters = [...before, "xargs"];
  const all = (node.name === undefined ? [] : [node.name, ...node.args]).flatMap((part) => {
    if (part.type === "Word") return expand(part, context, depth, inner);
    if (part.value.type !== "Word") return [];
    const values = expand(part.value, context, depth, inner);
    context.variables.set(part.name, values);
    return values.map((value) => `${part.name}=${value}`);
  });
  context.state.filters = before;
  const input = redirected.input ?? use.input;
  const line = unwrapped(withInput(all, input), context.kinds);
  const steps = lookOfCommand(
    { ...line, settings: [...settings, ...line.settings] },
    {
      context,
      silenced: use.silenced || redirected.silenced,
      quiet: use.quiet || redirected.quiet,
      input,
      target: redirected.target,
      shell: (text) => readShell(text, { ...context, source: sourceOf(text) }, depth + 1),
      kind: context.kinds(line.name),
    },
  );
  const found = withoutOutput(inner);
  const own = reads && found.length > 0 ? steps.filter(({ kind }) => kind !== "other") : steps;
  return [...found, ...redirected.steps, ...own];
}

/** What a substitution prints goes into a word; its looks count, since words are shown by what uses them. */
const withoutOutput = (steps: readonly Step[]): Step[] =>
  steps.filter((step) => step.kind === "looks");

function expand(
  word: Parameters<typeof expandWord>[0],
  context: ShellContext,
  depth: number,
  found: Step[],
): string[] {
  const substitute = (script: ParsedScript): string => {
    const folder = context.state.folder;
    const text = script.source ?? null;
    const inside = text === null ? context : { ...context, source: sourceOf(text) };
    const steps = readList(script.commands, inside, depth + 1);
    context.state.folder = folder;
    found.push(...steps);
    return knownOutput(steps, script.commands);
  };
  return expandWord(word, context.variables, substitute);
}

interface Streams {
  readonly silenced: boolean;
  readonly quiet: boolean;
  readonly input: string | null;
  readonly target: string | null;
  readonly steps: readonly Step[];
}

function redirections(
  all: readonly Redirection[],
  context: ShellContext,
  depth: number,
  inner: Step[],
): Streams {
  let [silenced, quiet] = [false, false];
  let input: string | null = null;
  let target: string | null = null;
  const steps: Step[] = [];
  for (const one of all) {
    if (one.type === "HereDoc") {
      input = one.body.text;
      continue;
    }
    const word =
      one.target === undefined ? "" : (expand(one.target, context, depth, inner)[0] ?? "");
    if (one.type === "HereString") {
      input = word;
      continue;
    }
    if (one.operator === ">&" || one.operator === "<&") continue;
    const descriptor = one.descriptor?.type === "FileDescriptor" ? one.descriptor.value : null;
    const reads = one.operator === "<" || one.operator === "<>";
    if (one.operator.startsWith("&")) [silenced, quiet] = [true, true];
    else if (descriptor === 2) quiet = true;
    else if (!reads) silenced = true;
    if (word !== "/dev/null" && (reads || descriptor !== 2)) {
      if (!reads) target = word;
      if (!reads) context.wrote(word, null);
      steps.push(...lookAt(context, reads ? "read" : "write", [word], { silenced: false, quiet }));
    }
  }
  return { silenced, quiet, input, target, steps };
}

function testWords(
  node: Extract<CommandNode, { type: "TestCommand" }>,
  context: ShellContext,
  depth: number,
) {
  const args: string[] = [];
  const visit = (expression: typeof node.expression): void => {
    switch (expression.type) {
      case "TestUnary":
        args.push(expression.operator, ...expand(expression.operand, context, depth, []));
        return;
      case "TestLogical":
        for (const operand of expression.operands) visit(operand);
        return;
      case "TestNot":
        visit(expression.operand);
        return;
      case "TestGroup":
        visit(expression.expression);
        return;
      case "TestBinary":
        return;
    }
  };
  visit(node.expression);
  return { name: "[[", args, settings: [] };
}

function asUsed(steps: readonly Step[], { silenced, quiet }: Use): Step[] {
  if (!silenced && !quiet) return [...steps];
  return steps.flatMap((step): Step[] => {
    if (step.kind !== "looks") return silenced ? [] : [step];
    const looks = step.looks.map(
      (look): Look => ({
        ...look,
        silenced: look.silenced || silenced,
        quiet: look.quiet || quiet,
      }),
    );
    return [{ ...step, looks }];
  });
}

/** Gives the source text between two positions of a script. */
export const sourceOf =
  (text: string) =>
  (from: number, to: number): string =>
    text.slice(from, to);
