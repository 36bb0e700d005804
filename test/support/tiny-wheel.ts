import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../proto/digest.ts";

/** Writes a wheel as PyPA's specification has it, with one module and one script. */
const writeWheel = `
import sys, zipfile
files = {
    "tiny.py": "def main():\\n    print('tiny says', __file__)\\n",
    "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n",
    "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    "tiny-1.0.dist-info/entry_points.txt": "[console_scripts]\\ntiny = tiny:main\\n",
}
record = "tiny-1.0.dist-info/RECORD"
files[record] = "".join(f"{name},,\\n" for name in [*files, record])
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    for name, text in files.items():
        wheel.writestr(name, text)
`;

/** Puts a package `tiny`, which only says where it lies, into a folder; answers its line for a lock. */
export function writeTinyWheel(folder: string): string {
  const path = join(folder, "tiny-1.0-py3-none-any.whl");
  execFileSync("python3", ["-I", "-c", writeWheel, path]);
  return `tiny==1.0 --hash=sha256:${sha256(readFileSync(path))}\n`;
}
