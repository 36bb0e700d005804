import { describe, expect, test } from "vitest";
import { isOwnPrefix } from "./toolchain-prefix.ts";

describe("a toolchain's own prefix", () => {
  test.each([
    "/Users/ada/.rustup/toolchains/stable-aarch64-apple-darwin",
    "/Users/ada/.pyenv/versions/3.13.1",
    "/opt/python3.13",
  ])("is %s", (prefix) => {
    expect(isOwnPrefix(prefix, "/Users/ada")).toBe(true);
  });

  test.each([
    "/",
    "/opt",
    "/Users",
    "/Users/ada",
    "/Users/ada/.local",
    "/Users/grace/.pyenv/versions/3.13.1",
    "/home/grace/tools/python",
  ])("is never %s, which holds more than that", (prefix) => {
    expect(isOwnPrefix(prefix, "/Users/ada")).toBe(false);
  });

  test("is not a folder around the home", () => {
    expect(isOwnPrefix("/data/people", "/data/people/ada")).toBe(false);
  });
});
