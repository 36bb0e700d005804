import { text } from "node:stream/consumers";
import { findProgram } from "../find-program.ts";
import { bubblewrapSandbox } from "./bubblewrap.ts";
import type { Sandbox } from "./sandbox.ts";
import { SandboxError } from "./sandbox-error.ts";
import { seatbeltSandbox } from "./seatbelt.ts";

const seatbeltPath = "/usr/bin/sandbox-exec";

/**
 * The sandbox of this machine, after a command was run in it: bubblewrap on Linux, Seatbelt on macOS.
 *
 * @throws SandboxError saying what to install or to enable when there is none that works.
 */
export async function platformSandbox(): Promise<Sandbox> {
  const { platform } = process;
  if (platform === "linux") {
    const bwrapPath = findProgram("bwrap", { path: process.env["PATH"] });
    if (bwrapPath === undefined) throw new SandboxError(`found no bwrap; ${installAdvice}`);
    const sandbox = bubblewrapSandbox(bwrapPath);
    await probe(sandbox, `${bwrapPath} does not work here; ${enableAdvice}`);
    return sandbox;
  }
  if (platform === "darwin") {
    const sandbox = seatbeltSandbox(seatbeltPath);
    await probe(sandbox, `${seatbeltPath} does not work here; macOS 13 or newer is needed`);
    return sandbox;
  }
  throw new SandboxError(
    `found platform ${platform}; runs and grading need the sandbox of Linux or macOS`,
  );
}

const installAdvice =
  "install bubblewrap 0.8 or newer, with `apt install bubblewrap` or `dnf install bubblewrap`";

const enableAdvice =
  "bubblewrap 0.8 or newer and unprivileged user namespaces are needed. Debian enables these by " +
  "`sysctl kernel.unprivileged_userns_clone=1`, Ubuntu by an AppArmor profile for bwrap or " +
  "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`, Docker by `--privileged` or by " +
  "seccomp and AppArmor set to unconfined";

/** Whatever makes a sandbox fail shows in the least command: each one needs the same set-up. */
async function probe(sandbox: Sandbox, advice: string): Promise<void> {
  try {
    const running = sandbox.start({
      command: ["/bin/sh", "-c", "exit 0"],
      environment: {},
      workingFolder: "/",
      readOnly: [],
      writable: [],
      network: { kind: "none" },
      limits: {},
    });
    running.stdout.resume();
    const [exit, words] = await Promise.all([running.exited, text(running.stderr)]);
    if (exit.code !== 0) throw new SandboxError(`the least command failed: ${words.trim()}`);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new SandboxError(`${advice}. It said: ${found}`, { cause });
  }
}
