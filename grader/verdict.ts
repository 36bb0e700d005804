/** One hidden check as `test.sh` reported it. */
export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  readonly message: string;
}

/** How a task's script ended. */
export type ScriptEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signalled"; readonly signal: string }
  /** Stopped at its wall limit. */
  | { readonly kind: "timed-out"; readonly limitSeconds: number };

/** A file of the logs folder; `unusable` is one that is no regular file, or too long. */
export type LeftFile =
  | { readonly kind: "absent" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "unusable"; readonly why: string };

/** Everything that a verdict rests on. */
export interface TestRemains {
  readonly end: ScriptEnd;
  readonly rewardText: LeftFile;
  readonly rewardJson: LeftFile;
  readonly checks: LeftFile;
}

/** A judged workspace, or that this machine cannot judge it. */
export interface Verdict {
  readonly outcome: "passed" | "failed" | "grader_error";
  /** A sentence for people. */
  readonly reason: string;
  /** From 0 to 1; 0 where there was none. */
  readonly reward: number;
  readonly checks: readonly CheckResult[];
  /** What was wrong with the list of checks, a sentence each; it changes no outcome. */
  readonly remarks: readonly string[];
}

/** By which `test.sh` says that this machine cannot grade, as EX_UNAVAILABLE of sysexits.h. */
const cannotGradeCode = 69;

const maxChecks = 500;
const maxNameLength = 200;
const maxMessageLength = 1_000;
/** All checks together, so that a verdict fits into one message. */
const maxChecksBytes = 256 * 1024;
const maxRemarks = 5;

/**
 * Judges what `test.sh` left behind. Only a reward of 1 passes. A reward that is missing or malformed
 * fails, since the code under test may be what kept the tests from giving one; a script that ends
 * with status 69 and no reward says that this machine cannot grade.
 */
export function judge(remains: TestRemains): Verdict {
  const { checks, remarks } = readChecks(remains.checks);
  const { outcome, reason, reward } = judgeReward(remains, checks);
  return { outcome, reason, reward, checks, remarks };
}

function judgeReward(
  remains: TestRemains,
  checks: readonly CheckResult[],
): Pick<Verdict, "outcome" | "reason" | "reward"> {
  const { end } = remains;
  if (end.kind === "timed-out") {
    return failed(`the hidden tests ${described(end)}`);
  }
  const reward = readReward(remains);
  switch (reward.kind) {
    case "absent":
      return end.kind === "exited" && end.code === cannotGradeCode
        ? { outcome: "grader_error", reason: "this machine cannot grade the task", reward: 0 }
        : failed(`the hidden tests ${described(end)} without a reward file`);
    case "malformed":
      return failed(reward.why);
    case "given":
      return reward.value >= 1
        ? { outcome: "passed", reason: `the reward is ${reward.value}`, reward: reward.value }
        : { ...failed(reasonOfFailure(reward.value, checks)), reward: reward.value };
  }
}

function failed(reason: string): Pick<Verdict, "outcome" | "reason" | "reward"> {
  return { outcome: "failed", reason, reward: 0 };
}

function reasonOfFailure(reward: number, checks: readonly CheckResult[]): string {
  const names = checks.filter(({ passed }) => !passed).map(({ name }) => name);
  if (names.length === 0) return `the reward is ${reward}, less than 1`;
  const rest = names.length > 3 ? ` and ${names.length - 3} more` : "";
  return `${names.length} of ${checks.length} checks failed: ${names.slice(0, 3).join(", ")}${rest}`;
}

/** An end as the predicate of a sentence. */
export function described(end: ScriptEnd): string {
  switch (end.kind) {
    case "exited":
      return `exited with status ${end.code}`;
    case "signalled":
      return `ended by ${end.signal}`;
    case "timed-out":
      return `did not end within ${end.limitSeconds} seconds`;
  }
}

type Reward =
  | { readonly kind: "absent" }
  | { readonly kind: "malformed"; readonly why: string }
  | { readonly kind: "given"; readonly value: number };

function readReward({ rewardText, rewardJson }: TestRemains): Reward {
  if (rewardText.kind !== "absent" && rewardJson.kind !== "absent") {
    return malformed("both reward.txt and reward.json were left; accepted is one of them");
  }
  switch (rewardText.kind) {
    case "absent":
      return readRewardJson(rewardJson);
    case "unusable":
      return malformed(`reward.txt ${rewardText.why}`);
    case "text": {
      const text = rewardText.text.trim();
      // Number() would also take the empty text, hexadecimal and "Infinity".
      const value = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
      return inRange("reward.txt", value);
    }
  }
}

function readRewardJson(file: LeftFile): Reward {
  switch (file.kind) {
    case "absent":
      return file;
    case "unusable":
      return malformed(`reward.json ${file.why}`);
    case "text": {
      const value = parseJson(file.text);
      return isObject(value)
        ? inRange("reward.json", value["reward"])
        : malformed('reward.json is no JSON object; accepted: {"reward": 0 to 1}');
    }
  }
}

function inRange(fileName: string, value: unknown): Reward {
  if (typeof value === "number" && value >= 0 && value <= 1) return { kind: "given", value };
  const found = value === undefined ? "nothing" : JSON.stringify(value).slice(0, 100);
  return malformed(`the reward in ${fileName} is ${found}; accepted: a number from 0 to 1`);
}

function malformed(why: string): Reward {
  return { kind: "malformed", why };
}

function readChecks(file: LeftFile): Pick<Verdict, "checks" | "remarks"> {
  if (file.kind === "absent") return { checks: [], remarks: [] };
  if (file.kind === "unusable") return { checks: [], remarks: [`checks.jsonl ${file.why}`] };
  const checks: CheckResult[] = [];
  const remarks: string[] = [];
  let bytes = 0;
  for (const [index, line] of file.text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const check = readCheck(line);
    if (check === null) {
      remarks.push(
        `line ${index + 1} of checks.jsonl is no {"name": text, "passed": true or false, "message": text}`,
      );
      continue;
    }
    bytes += Buffer.byteLength(check.name) + Buffer.byteLength(check.message);
    if (checks.length >= maxChecks || bytes > maxChecksBytes) {
      remarks.push(`checks.jsonl is too long; what follows line ${index} was not kept`);
      break;
    }
    checks.push(check);
  }
  return { checks, remarks: bounded(remarks) };
}

function readCheck(line: string): CheckResult | null {
  const value = parseJson(line);
  if (!isObject(value)) return null;
  const { name, passed, message = "" } = value;
  if (typeof name !== "string" || typeof passed !== "boolean" || typeof message !== "string") {
    return null;
  }
  return { name: cut(name, maxNameLength), passed, message: cut(message, maxMessageLength) };
}

function cut(text: string, maxLength: number): string {
  // A surrogate that loses its other half could not travel as UTF-8.
  return text.length <= maxLength
    ? text.toWellFormed()
    : `${text.slice(0, maxLength - 1)}…`.toWellFormed();
}

function bounded(remarks: readonly string[]): string[] {
  if (remarks.length <= maxRemarks) return [...remarks];
  return [...remarks.slice(0, maxRemarks), `and ${remarks.length - maxRemarks} more such lines`];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Undefined for what is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
