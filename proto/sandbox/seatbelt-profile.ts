import assert from "node:assert/strict";
import type { SandboxRequest } from "./sandbox.ts";
import { SandboxError } from "./sandbox-error.ts";

/** Folders of the system and its developer tools; all of them are readable. */
const systemFolders = [
  "/usr",
  "/bin",
  "/sbin",
  "/System",
  "/Library/Apple",
  "/Library/Developer",
  "/Library/Frameworks",
  "/Applications/Xcode.app",
  "/private/etc",
  "/private/var/db/timezone",
  "/private/var/db/xcode_select_link",
  // Says which shell /bin/sh is.
  "/private/var/select",
];

const devices = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom", "/dev/dtracehelper"];

/**
 * The Seatbelt profile of a request: everything is denied but what follows. Of several rules that
 * match a path the last one counts, so mounts go from the shallowest to the deepest.
 *
 * Attributes of any file can be read, since resolving a path looks at all folders above it; names in
 * a folder and contents cannot. Nothing listens: a rule that let local servers be reached would open
 * those of the host as well, so a task whose tests start a server works on Linux alone.
 *
 * @throws SandboxError when a mount shows a file at another path, which macOS cannot do.
 */
export function seatbeltProfile(request: SandboxRequest): string {
  const { network } = request;
  assert(network.kind !== "gateway-socket", "Seatbelt reaches a gateway by its port");
  return [
    "(version 1)",
    "(deny default)",
    "(allow process-fork)",
    "(allow process-exec)",
    "(allow process-info* (target same-sandbox))",
    "(allow signal (target same-sandbox))",
    "(allow sysctl-read)",
    "(allow ipc-posix-sem)",
    "(allow pseudo-tty)",
    '(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))',
    '(allow mach-lookup (global-name "com.apple.system.notification_center"))',
    '(allow mach-lookup (global-name "com.apple.trustd.agent"))',
    "(allow file-read-metadata)",
    '(allow file-read* (literal "/"))',
    `(allow file-read* file-map-executable${systemFolders.map(subpath).join("")})`,
    `(allow file-read* file-write-data file-ioctl${devices.map(literal).join("")})`,
    '(allow file-read* file-write-data file-ioctl (literal "/dev/tty") (literal "/dev/ptmx"))',
    '(allow file-read* (subpath "/dev/fd"))',
    ...mountRules(request),
    ...(network.kind === "gateway-port"
      ? [`(allow network-outbound (remote ip "localhost:${network.port}"))`]
      : []),
    "",
  ].join("\n");
}

function mountRules(request: SandboxRequest): readonly string[] {
  const mounts = [
    ...request.readOnly.map((mount) => ({ ...mount, writable: false })),
    ...request.writable.map((mount) => ({ ...mount, writable: true })),
  ];
  const moved = mounts.find(({ host, inside }) => host !== inside);
  if (moved !== undefined) {
    throw new SandboxError(
      `found a mount of ${moved.host} at ${moved.inside}; macOS shows files at their own path only`,
    );
  }
  return mounts
    .toSorted((one, other) => depth(one.host) - depth(other.host))
    .flatMap(({ host, writable }) => [
      `(allow file-read* file-map-executable${subpath(host)})`,
      `(${writable ? "allow" : "deny"} file-write*${subpath(host)})`,
    ]);
}

function depth(path: string): number {
  return path.split("/").filter((part) => part !== "").length;
}

const subpath = (path: string): string => ` (subpath ${quoted(path)})`;
const literal = (path: string): string => ` (literal ${quoted(path)})`;

/** A string of the profile language, which knows the escapes of C. */
function quoted(path: string): string {
  return `"${path.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
