import { describe, expect, test } from "vitest";
import { maxMessageBytes } from "../subjects.ts";
import { judgeServer } from "./connection.ts";

describe("a NATS server", () => {
  const max_payload = 1024 * 1024;

  test.each(["1.4.1", "2.8.4", "0.9.0"])("of version %s is too old", (version) => {
    expect(judgeServer({ version, max_payload })).toMatchObject({ fault: "server-too-old" });
  });

  test("of version 2.9 is accepted with a warning", () => {
    expect(judgeServer({ version: "2.9.10", max_payload }).kind).toBe("warning");
  });

  test.each(["2.10.0", "2.12.1-beta", "3.0.0"])("of version %s is accepted", (version) => {
    expect(judgeServer({ version, max_payload })).toEqual({ kind: "accepted" });
  });

  test("must take the largest message, and is told how much that is", () => {
    expect(judgeServer({ version: "2.10.0", max_payload: maxMessageBytes }).kind).toBe("accepted");
    expect(judgeServer({ version: "2.10.0", max_payload: maxMessageBytes - 1 })).toMatchObject({
      fault: "payload-limit",
      reason: expect.stringContaining(String(maxMessageBytes)),
    });
  });
});
