import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCli } from "../../coordinator/cli/program.ts";
import { aFolder } from "./folder.ts";
import { labToken } from "./rpc.ts";

/** What a command left behind. */
export interface CliOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `sweep` with these words, in `folder`, with nothing in its environment but `environment`. */
export async function sweep(
  words: readonly string[],
  options: {
    folder?: string;
    environment?: Record<string, string>;
    /** Called with each text that is written to stdout. */
    onOutput?: (text: string) => void;
  } = {},
): Promise<CliOutcome> {
  const { folder = aFolder(), environment = {}, onOutput = () => {} } = options;
  const written = { stdout: "", stderr: "" };
  const exitCode = await runCli(words, {
    stdout: {
      write(text) {
        written.stdout += text;
        onOutput(text);
      },
    },
    stderr: {
      write(text) {
        written.stderr += text;
      },
    },
    environment,
    folder,
  });
  return { exitCode, ...written };
}

/** A folder of a lab whose coordinator is the given server. */
export function aLabFolder(server: { address: string }, token = labToken): string {
  const folder = aFolder();
  mkdirSync(join(folder, ".sweep"));
  const lab = { coordinator: server.address, labToken: token };
  writeFileSync(join(folder, ".sweep", "lab.json"), JSON.stringify(lab));
  return folder;
}
