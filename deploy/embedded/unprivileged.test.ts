import { describe, expect, test } from "vitest";
import { placeOutside, unprivilegedAccount } from "./unprivileged.ts";

describe("the account under which root runs Postgres", () => {
  const nobody = "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin";

  test("is postgres before nobody, whatever their order", () => {
    expect(
      unprivilegedAccount(`root:x:0:0::/root:/bin/sh\n${nobody}\npostgres:x:101:104:::\n`),
    ).toEqual({
      name: "postgres",
      uid: 101,
      gid: 104,
    });
  });

  test("is nobody where there is no postgres", () => {
    expect(unprivilegedAccount(nobody)?.uid).toBe(65_534);
  });

  test("is never one with root's rights, and may be missing", () => {
    expect(unprivilegedAccount("root:x:0:0:::\npostgres:x:0:0:::\n")).toBeUndefined();
  });

  test("finds what it needs at the same place for the same folder, and apart for others", () => {
    expect(placeOutside("/root/a")).toBe(placeOutside("/root/a"));
    expect(placeOutside("/root/a")).not.toBe(placeOutside("/root/b"));
  });
});
