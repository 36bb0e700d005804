import type { Look, LookMode } from "./look.ts";
import type { Surroundings } from "./places.ts";
import type { AuditRules } from "./rules.ts";

/** What a program in Python, JavaScript, Perl or the like looks at, as far as its text tells. */
export interface ProgramReading {
  readonly looks: readonly Look[];
  /** Texts that the program itself brings, and may print. */
  readonly literals: readonly string[];
  /** Commands that it hands to a shell. */
  readonly commands: readonly string[];
}

/** Longer texts are read up to here. */
const maxText = 100_000;
const literal = /(?<quote>"""|'''|["'`])(?<text>(?:\\.|(?!\k<quote>)[^\\]){0,2000}?)\k<quote>/gs;
const joined = /\bjoin\(\s*(?<parts>(?:["'][^"'\n]*["']\s*,?\s*)+)\)/g;
const divided = /\bPath\(\s*["'](?<first>[^"'\n]*)["']\s*\)(?<rest>(?:\s*\/\s*["'][^"'\n]*["'])+)/g;
const shellCalls =
  /\b(?:system|popen|Popen|run|call|check_output|check_call|getoutput|exec|execSync|spawn|shell_exec|backtick|capture|sh|bash)\b/;

/** Reads a program's text for literals that name a grader's place in a call that looks at files. */
export function readProgram(
  text: string,
  folder: string,
  around: Surroundings,
  rules: AuditRules,
): ProgramReading {
  const code = joinedLiterals(withConstants(withoutComments(text.slice(0, maxText))));
  const start = startOf(code, folder, around);
  const looks: Look[] = [];
  const literals: string[] = [];
  const commands: string[] = [];
  const isElsewhere =
    start !== folder && around.whereabouts({ word: start, path: start }).kind === "outside";
  const looksAtFiles = rules.programs.file.test(code);
  const mode: LookMode = looksAtFiles ? "run" : "probe";
  const add = (word: string, how: LookMode) => {
    const named = around.resolve(word, start);
    const where = around.whereabouts(named);
    if (where.kind === "ordinary") return;
    const look = { named, silenced: false, quiet: true, shared: false };
    if (where.kind === "hidden") looks.push({ ...look, mode: how, rule: where.rule });
    else if (/\b(?:walk|glob|rglob|scandir|listdir|find)\b/.test(code)) {
      const isWanted = literalsNamed(code, rules);
      looks.push({ ...look, mode: "search", rule: isWanted ? rules.search.id : null });
    }
  };

  for (const [, parts = ""] of code.matchAll(joined)) {
    const words = [...parts.matchAll(/["']([^"'\n]*)["']/g)].map(([, word = ""]) => word);
    if (words.length > 1) add(words.join("/").replaceAll("//", "/"), mode);
  }
  for (const { groups } of code.matchAll(divided)) {
    const rest = [...(groups?.["rest"] ?? "").matchAll(/["']([^"'\n]*)["']/g)].map(
      ([, word = ""]) => word,
    );
    add([groups?.["first"] ?? "", ...rest].join("/").replaceAll("//", "/"), mode);
  }
  for (const match of code.matchAll(literal)) {
    const word = match.groups?.["text"] ?? "";
    literals.push(word);
    const place = rules.variables[word];
    if (place !== undefined && looksAtFiles) add(place, mode);
    const line = code.slice(code.lastIndexOf("\n", match.index) + 1, match.index).slice(-200);
    const isCommand = /\s/.test(word) && shellCalls.test(line);
    if (isCommand) {
      commands.push(word);
      continue;
    }
    const isPath = isElsewhere ? /^[\w.*-]+$/.test(word) : /[/~]|\.\./.test(word);
    if (word.length === 0 || word.length > 300 || /\s|:\/\//.test(word)) continue;
    if (!isPath && !/[/~]|\.\./.test(word)) continue;
    const isAsked = rules.programs.ask.test(line);
    const isOpened = rules.programs.file.test(line);
    const isWeb =
      rules.programs.web.test(line) && !/\b(?:open|Path|listdir|walk|glob)\(/.test(line);
    if (isWeb) continue;
    // A list or a variable is used elsewhere.
    const isKept = /[=([,{:]\s*$/.test(line) && (looksAtFiles || rules.programs.ask.test(code));
    if (isOpened || isAsked || isKept) add(word, isAsked && !isOpened ? "probe" : mode);
  }
  // Perl and Ruby run what stands between back quotes; so do they as `qx`.
  return { looks: distinct(looks), literals, commands };
}

function literalsNamed(code: string, rules: AuditRules): boolean {
  return rules.search.names.test(code.replace(rules.search.except, " "));
}

const constant =
  /^[ \t]*(?:const |let |var |my |\$)?([A-Za-z_]\w{0,40})(?:[ \t]*:[ \t]*\w+)?[ \t]*=[ \t]*((?:pathlib\.)?Path\()?["']([~./][^"'\n]{0,200})["']\)?[ \t]*;?[ \t]*$/gm;
/** Most constants of a program that are followed, and most places of each: text of an agent's making must not grow. */
const maxConstants = 12;
const maxUses = 40;

/** Puts paths in the place of the names that they were given. */
function withConstants(code: string): string {
  const constants = [...code.matchAll(constant)].slice(0, maxConstants);
  return constants.reduce((text, [, name = "", wrap = "", path = ""]) => {
    let uses = 0;
    const put = (value: string) => (used: string) => {
      uses += 1;
      return uses > maxUses ? used : value;
    };
    const quoted = wrap === "" ? `"${path}"` : `Path("${path}")`;
    return text
      .replace(new RegExp(`\\$?\\{${name}\\}`, "g"), put(path))
      .replace(new RegExp(`(?<![\\w."'$])\\$?${name}(?=\\s{0,5}[+/,)])`, "g"), put(quoted));
  }, code);
}

/** Where a program's relative paths start: where it goes itself, if it does. */
function startOf(code: string, folder: string, around: Surroundings): string {
  const entered = /\bchdir\(?\s{0,5}["']([^"'\n]{1,200})["']/.exec(code)?.[1];
  return entered === undefined ? folder : around.resolve(entered, folder).path;
}

const sum =
  /(?<=[([{,=:\s]|^)(["'])((?:(?!\1)[^\\\n]){0,200})\1\s{0,20}\+\s{0,20}(["'])((?:(?!\3)[^\\\n]){0,200})\3/gm;
/** Most pieces of one literal that are put together. */
const maxPieces = 16;

/** Sums of literals as the text that they make. */
function joinedLiterals(code: string): string {
  let joint = code;
  for (let round = 0; round < maxPieces; round += 1) {
    const next = joint.replace(sum, (_, quote: string, head: string, _other, tail: string) =>
      tail.includes(quote) ? `${quote}${head}${quote}` : `${quote}${head}${tail}${quote}`,
    );
    if (next === joint) break;
    joint = next;
  }
  return joint;
}

const withoutComments = (text: string): string =>
  text.replace(/^[ \t]*(?:#(?!include)|\/\/).*$/gm, "");

function distinct(looks: readonly Look[]): readonly Look[] {
  const seen = new Map(looks.map((look) => [`${look.mode} ${look.named.path}`, look]));
  return [...seen.values()].slice(0, 50);
}
