import { text } from "node:stream/consumers";
import type { ExitStatus, Sandbox, SandboxRequest } from "../../proto/sandbox/sandbox.ts";

/** What a command in a sandbox did. */
export interface RanInside extends ExitStatus {
  readonly stdout: string;
  readonly stderr: string;
}

/** A request for a bash script that sees nothing but the system. */
export function scriptRequest(
  script: string,
  changes: Partial<SandboxRequest> = {},
): SandboxRequest {
  return {
    command: ["/bin/bash", "-c", script],
    environment: { PATH: "/usr/bin:/bin" },
    workingFolder: "/",
    readOnly: [],
    writable: [],
    network: { kind: "none" },
    limits: {},
    ...changes,
  };
}

/** Runs a bash script in a sandbox until it ends. */
export async function runInside(
  sandbox: Sandbox,
  script: string,
  changes: Partial<SandboxRequest> = {},
): Promise<RanInside> {
  const running = sandbox.start(scriptRequest(script, changes));
  const [exit, stdout, stderr] = await Promise.all([
    running.exited,
    text(running.stdout),
    text(running.stderr),
  ]);
  return { ...exit, stdout, stderr };
}
