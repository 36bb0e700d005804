import { describe, expect, test } from "vitest";
import type { SandboxRequest } from "./sandbox.ts";
import { SandboxError } from "./sandbox-error.ts";
import { seatbeltProfile } from "./seatbelt-profile.ts";

const request: SandboxRequest = {
  command: ["pi"],
  environment: {},
  workingFolder: "/private/lab/attempt/workspace",
  readOnly: [
    {
      host: "/private/lab/attempt/workspace/tests",
      inside: "/private/lab/attempt/workspace/tests",
    },
    { host: "/private/lab/harnesses/pi", inside: "/private/lab/harnesses/pi" },
  ],
  writable: [{ host: "/private/lab/attempt/workspace", inside: "/private/lab/attempt/workspace" }],
  network: { kind: "gateway-port", port: 52_000 },
  limits: {},
};

describe("the Seatbelt profile", () => {
  test("denies all but the system, the mounts and the one port", () => {
    expect(seatbeltProfile(request)).toMatchInlineSnapshot(`
      "(version 1)
      (deny default)
      (allow process-fork)
      (allow process-exec)
      (allow process-info* (target same-sandbox))
      (allow signal (target same-sandbox))
      (allow sysctl-read)
      (allow ipc-posix-sem)
      (allow pseudo-tty)
      (allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))
      (allow mach-lookup (global-name "com.apple.system.notification_center"))
      (allow mach-lookup (global-name "com.apple.trustd.agent"))
      (allow file-read-metadata)
      (allow file-read* (literal "/"))
      (allow file-read* file-map-executable (subpath "/usr") (subpath "/bin") (subpath "/sbin") (subpath "/System") (subpath "/Library/Apple") (subpath "/Library/Developer") (subpath "/Library/Frameworks") (subpath "/Applications/Xcode.app") (subpath "/private/etc") (subpath "/private/var/db/timezone") (subpath "/private/var/db/xcode_select_link") (subpath "/private/var/select"))
      (allow file-read* file-write-data file-ioctl (literal "/dev/null") (literal "/dev/zero") (literal "/dev/random") (literal "/dev/urandom") (literal "/dev/dtracehelper"))
      (allow file-read* file-write-data file-ioctl (literal "/dev/tty") (literal "/dev/ptmx"))
      (allow file-read* (subpath "/dev/fd"))
      (allow file-read* file-map-executable (subpath "/private/lab/harnesses/pi"))
      (deny file-write* (subpath "/private/lab/harnesses/pi"))
      (allow file-read* file-map-executable (subpath "/private/lab/attempt/workspace"))
      (allow file-write* (subpath "/private/lab/attempt/workspace"))
      (allow file-read* file-map-executable (subpath "/private/lab/attempt/workspace/tests"))
      (deny file-write* (subpath "/private/lab/attempt/workspace/tests"))
      (allow network-outbound (remote ip "localhost:52000"))
      "
    `);
  });

  test("reaches nothing without a gateway", () => {
    expect(seatbeltProfile({ ...request, network: { kind: "none" } })).not.toContain("network");
  });

  test("keeps a path from ending its string", () => {
    const path = '/private/lab/a"b\\c';
    const profile = seatbeltProfile({ ...request, readOnly: [{ host: path, inside: path }] });
    expect(profile).toContain('(subpath "/private/lab/a\\"b\\\\c")');
  });

  test("refuses to show a folder at another path", () => {
    const moved = { ...request, writable: [{ host: "/private/a", inside: "/workspace" }] };
    expect(() => seatbeltProfile(moved)).toThrow(SandboxError);
  });
});
