import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { HarnessCommand } from "./harness.ts";

/** Lays a harness's configuration into the home folder of its run, which belongs to this user alone. */
export async function layConfigFiles(
  home: string,
  files: HarnessCommand["configFiles"],
): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const file = join(home, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, content, { mode: 0o600 });
  }
}
