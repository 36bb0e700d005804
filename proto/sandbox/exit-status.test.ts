import { describe, expect, test } from "vitest";
import { asExitStatus } from "./exit-status.ts";

describe("an exit status", () => {
  test.each([
    [137, "SIGKILL"],
    [134, "SIGABRT"],
    [143, "SIGTERM"],
  ] as const)("of %i is the signal %s", (code, signal) => {
    expect(asExitStatus({ code, signal: null })).toEqual({ code: null, signal });
  });

  test.each([0, 1, 127, 128, 255])("of %i is no signal", (code) => {
    expect(asExitStatus({ code, signal: null })).toEqual({ code, signal: null });
  });

  test("that is a signal already stays one", () => {
    const ended = { code: null, signal: "SIGHUP" } as const;
    expect(asExitStatus(ended)).toEqual(ended);
  });
});
