import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Whether a compiler's programs run under sanitizers. */
export interface SanitizerProbe {
  /** The flags of compiler and linker. */
  readonly flag: string;
  /** What the compiler or the program said; null if the program ran and ended well. */
  readonly fault: string | null;
}

/** Those that tasks in C and C++ are graded with. The two do not go together in one program. */
const flags = ["-fsanitize=address,undefined", "-fsanitize=thread"];

const answerWithinMs = 60_000;
const faultCharacters = 200;

/** A program in both languages, for which nothing but the sanitizers' own libraries is needed. */
const source = "int main(void) { return 0; }\n";

/**
 * Builds a program with each of the sanitizers and runs it, which takes some seconds.
 *
 * @param compiler path of a C or C++ compiler
 * @param extension of files in its language, `c` or `cpp`
 */
export async function probeSanitizers(
  compiler: string,
  extension: "c" | "cpp",
): Promise<readonly SanitizerProbe[]> {
  const folder = await mkdtemp(join(tmpdir(), "sanitizers-"));
  try {
    const file = join(folder, `probe.${extension}`);
    await writeFile(file, source);
    const probes: SanitizerProbe[] = [];
    for (const flag of flags) {
      const program = join(folder, "probe");
      const limits = { timeout: answerWithinMs, killSignal: "SIGKILL", cwd: folder } as const;
      const fault = await run(compiler, [flag, "-o", program, file], limits)
        .then(() => run(program, [], limits))
        .then(() => null, words);
      probes.push({ flag, fault });
    }
    return probes;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function words(error: unknown): string {
  const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
  const [line = ""] = (said === "" ? String(error) : said).split("\n");
  return line.slice(0, faultCharacters);
}
