import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { packageRoot } from "../../proto/package-root.ts";

/** What a role that did not start said and how it ended. */
export interface FailedStart {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts a role of the build with these settings as its whole environment, and waits for its end. */
export async function startUntilItEnds(
  role: "coordinator" | "node" | "grader",
  environment: Readonly<Record<string, string>>,
): Promise<FailedStart> {
  const child = spawn(process.execPath, [join(packageRoot, "dist/coordinator/cli.js"), role], {
    env: { PATH: process.env["PATH"] ?? "", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { code: typeof code === "number" ? code : null, stdout, stderr };
}
