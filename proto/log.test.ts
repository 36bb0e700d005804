import { describe, expect, test } from "vitest";
import { createRootLogger } from "./log.ts";

function logged(
  secrets: readonly string[],
  write: (log: ReturnType<typeof createRootLogger>) => void,
) {
  const lines: string[] = [];
  write(
    createRootLogger({
      name: "test",
      level: "info",
      secrets,
      stream: { write: (line: string) => void lines.push(line) },
    }),
  );
  return lines.join("");
}

describe("the root logger", () => {
  test("hides secret fields at the top and one object down, also in children", () => {
    const text = logged([], (log) =>
      log
        .child({ component: "nats" })
        .info({ password: "alpha", connection: { token: "beta", user: "node-a" } }, "connected"),
    );
    expect(text).not.toMatch(/alpha|beta/);
    expect(text).toContain('"user":"node-a"');
    expect(text).toContain('"component":"nats"');
  });

  test("hides a known secret in messages and errors, whatever characters it holds", () => {
    const secret = 'quote" and \\ back';
    const text = logged([secret], (log) => log.error({ err: new Error(`no: ${secret}`) }, secret));
    expect(text).not.toContain("quote");
    expect(JSON.parse(text)).toMatchObject({ msg: "[redacted]" });
  });

  test("hides the whole of a secret that contains another", () => {
    const text = logged(["abc", "abcdef"], (log) => log.info({ found: "abcdef" }, "read"));
    expect(text).not.toContain("def");
  });

  test("hides the password of a URL and keeps its address", () => {
    const text = logged([], (log) =>
      log.warn(
        { err: new Error("cannot reach postgres://sweep:hunter2@lab.local:5432/x") },
        "down",
      ),
    );
    expect(text).not.toContain("hunter2");
    expect(text).toContain("lab.local:5432");
  });

  test("writes valid JSON with a readable time and nothing below its level", () => {
    const text = logged([], (log) => {
      log.debug("quiet");
      log.info({ runId: "r1" }, "started");
    });
    expect(JSON.parse(text)).toMatchObject({ name: "test", runId: "r1", msg: "started" });
    expect(Date.parse(JSON.parse(text).time)).not.toBeNaN();
  });
});
