import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Grading, gradeWorkspace } from "../../grader/grade.ts";
import type { Machine } from "../../grader/machine.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { platformSandbox } from "../../proto/sandbox/platform-sandbox.ts";
import { findToolchains } from "../../proto/toolchains.ts";

const common = join(packageRoot, "grader", "new-task", "common", "tests");

let machine: Machine;
let folder: string;

beforeAll(async () => {
  machine = { sandbox: await platformSandbox(), toolchains: await findToolchains() };
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sweep-candidates-"));
  for (const part of ["tests/candidate", "workspace", "scratch"]) {
    mkdirSync(join(folder, part), { recursive: true });
  }
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Grades an empty workspace by a judge whose one check has this body. */
function judgedBy(body: string): Promise<Grading> {
  const lines = body.trim().split("\n");
  const judge = `
import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import *

def check():
${lines.map((line) => `    ${line}`).join("\n")}

sys.exit(run_checks([("the_check", check)]))
`;
  writeFileSync(join(folder, "tests", "test.sh"), "exec python3 -I -S -B /tests/check.py\n");
  writeFileSync(join(folder, "tests", "check.py"), judge);
  for (const name of ["checking.py", "candidates.py"]) {
    copyFileSync(join(common, name), join(folder, "tests", name));
  }
  return gradeWorkspace({
    machine,
    testsFolder: join(folder, "tests"),
    workspaceFolder: join(folder, "workspace"),
    scratchFolder: join(folder, "scratch"),
    rules: { limits: { seconds: 60, memoryBytes: 1024 ** 3 }, isolation: "separate" },
    signal: new AbortController().signal,
  });
}

const bash = (script: string, limits = "seconds=20"): string =>
  `ended = run_candidate(["/bin/bash", "-c", ${JSON.stringify(script)}], request=b"hello\\n", limits=Limits(${limits}))`;

/** The one check's message, which is how a judge here says what it saw. */
async function sees(body: string): Promise<string | undefined> {
  const { checks } = await judgedBy(
    `${body}\nraise CheckFailed(f"{ended.fault} {ended.answer} {ended.errors}")`,
  );
  return checks[0]?.message;
}

describe.skipIf(process.platform !== "linux")("candidates of a judge (paths of Linux)", () => {
  test("get their request, answer through their pipe and tell of their end", async () => {
    const seen = await sees(
      bash('read word; echo "$word back" >&$ANSWER_PIPE; echo oh >&2; exit 3'),
    );
    expect(seen).toBe("exited with status 3 b'hello back\\n' oh\n");
  });

  test("see driver, workspace and build folder, and nothing of the tests", async () => {
    writeFileSync(join(folder, "tests", "candidate", "driver.txt"), "driver");
    writeFileSync(join(folder, "workspace", "work.txt"), "work");
    const seen = await sees(
      bash(
        "cd /; cat /driver/* /app/*; touch /build/b /app/a /driver/d; ls /app /build /tests /logs",
      ).replace("ls /app", "ls /app /build >&$ANSWER_PIPE; ls /app"),
    );
    expect(seen).toMatch(/a\\nwork\.txt/);
    expect(seen).toMatch(/\/driver\/d.*Read-only/);
    expect(seen).toMatch(/'?\/tests'?: No such file/);
    expect(seen).toMatch(/'?\/logs'?: No such file/);
  });

  test("leave files in workspace and build folder for the next one, and no process", async () => {
    const seen = await sees(
      `${bash("sleep 300 & echo kept > /build/one; echo gone > $TMPDIR/two; exit 0")}
assert ended.fault is None
${bash("cat /build/one >&$ANSWER_PIPE; ls $TMPDIR >&$ANSWER_PIPE; ls /proc | grep -c '^[0-9]' >&$ANSWER_PIPE")}`,
    );
    // The first process, the limiting shell that became bash, ls or grep.
    expect(seen).toMatch(/^None b'kept\\n[2-5]\\n' $/);
  });

  test("cannot change what the judge sees of the workspace, nor the judge it", async () => {
    const { checks } = await judgedBy(`
try:
    (WORKSPACE / "mine").write_text("x")
except OSError as error:
    raise CheckFailed(f"{error.strerror}")
`);
    expect(checks[0]?.message).toBe("Read-only file system");
  });

  test("hold a conversation", async () => {
    const seen = await sees(`
candidate = start_candidate(["/bin/bash", "-c", 'while read word; do echo "got $word" >&$ANSWER_PIPE; done'], limits=Limits(seconds=20))
heard = []
for word in (b"one", b"two"):
    candidate.send(word + b"\\n")
    heard.append(candidate.receive_line())
ended = candidate.finish()
ended = Ended(b" ".join(heard), ended.errors, ended.fault)
`);
    expect(seen).toBe("None b'got one got two' ");
  });

  test.each([
    ["too long", "sleep 60", "seconds=1", /^did not end in time/],
    [
      "too much memory",
      "exec python3 -c 'bytearray(b\"x\" * (1 << 29)); import time; time.sleep(20)'",
      "seconds=30, memory_bytes=1 << 28",
      /^used \d+ bytes of memory where 268435456 are allowed/,
    ],
    [
      "too many processes",
      "for i in {1..400}; do sleep 20 & done; wait",
      "seconds=30",
      /^used \d+ processes where 128 are allowed/,
    ],
    [
      "too long an answer",
      "head -c 20000000 /dev/zero >&$ANSWER_PIPE",
      "seconds=30",
      /^sent too long an answer/,
    ],
    ["a signal", "kill -SEGV $$", "seconds=20", /^was ended by signal SIGSEGV/],
  ])("are ended for %s", async (_what, script, limits, message) => {
    const { checks } = await judgedBy(
      `${bash(script, limits)}\nraise CheckFailed(str(ended.fault))`,
    );
    expect(checks[0]?.message).toMatch(message);
  });

  test("are ended with their judge", async () => {
    const marker = `3${process.pid}.25`;
    const { outcome } = await judgedBy(
      `start_candidate(["/bin/sleep", "${marker}"], limits=Limits(seconds=300))`,
    );
    expect(outcome).toBe("passed");
    const { processesWith } = await import("../support/processes.ts");
    expect(processesWith(marker)).toEqual([]);
  });

  test("a judge that says nonsense to the grader is this machine's failure, not the code's", async () => {
    await expect(
      judgedBy(`
import candidates
candidates._PLACE.tell({"kind": "dance"})
candidates._PLACE.hear()
`),
    ).rejects.toThrow(/no message: kind/);
  });
});
