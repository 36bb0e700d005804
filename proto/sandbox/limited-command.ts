import type { ProcessLimits } from "./sandbox.ts";

/** Unit of `ulimit -f` in a POSIX shell. */
const blockBytes = 512;
const kibibyte = 1024;

/**
 * The command that sets `limits` on itself, soft and hard, and then becomes `command`. It uses the
 * POSIX shell's `ulimit`, the one way that Linux and macOS share. macOS does not enforce limits on
 * address space, so `memoryBytes` is left out there.
 *
 * The shell is there without limits too: it answers 127 for a program that is absent and 126 for one
 * that cannot be executed, where a sandbox would report a failure of its own.
 */
export function limitedCommand(
  command: readonly [string, ...string[]],
  limits: ProcessLimits,
  platform: "linux" | "darwin",
): readonly [string, ...string[]] {
  const settings = [
    ...(limits.memoryBytes === undefined || platform === "darwin"
      ? []
      : [`ulimit -v ${atLeastOne(limits.memoryBytes / kibibyte)}`]),
    ...(limits.cpuSeconds === undefined ? [] : [`ulimit -t ${atLeastOne(limits.cpuSeconds)}`]),
    ...(limits.fileBytes === undefined
      ? []
      : [`ulimit -f ${atLeastOne(limits.fileBytes / blockBytes)}`]),
    ...(limits.openFiles === undefined ? [] : [`ulimit -n ${atLeastOne(limits.openFiles)}`]),
  ];
  return ["/bin/sh", "-c", [...settings, 'exec "$@"'].join(" && "), "sh", ...command];
}

function atLeastOne(amount: number): number {
  return Math.max(1, Math.floor(amount));
}
