import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findProgram } from "../find-program.ts";
import { refusal, type ToolchainName } from "./manifest.ts";

const run = promisify(execFile);
const answerWithinMs = 10_000;

/**
 * Why a program that is there is not offered as a toolchain, as the end of "found ..."; null if there is
 * none of that name.
 *
 * @param path the value of PATH
 */
export async function refusedProgram(
  name: ToolchainName,
  path: string | undefined,
): Promise<string | null> {
  const program = findProgram(name, { path });
  if (program === undefined) return null;
  try {
    const { stdout } = await run(program, ["--version"], {
      timeout: answerWithinMs,
      killSignal: "SIGKILL",
    });
    const reason = refusal(name, stdout.trim().split("\n")[0] ?? "");
    return `${program}: ${reason ?? "it lies where a sandbox cannot show it"}`;
  } catch {
    return `${program}: it says no version`;
  }
}
