import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { installationStep } from "../../proto/installation-step.ts";
import type { PackageInstaller } from "./package-installer.ts";

const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev"];

const versions = z.record(z.string(), z.string()).default({});
const manifest = z.object({ dependencies: versions, optionalDependencies: versions });

/** Harnesses of the npm registry, by `package.json` and `package-lock.json`. Install scripts do not run. */
export const npmPackages: PackageInstaller = {
  lockfile: "package-lock.json",

  async pinnedVersion(lockfileFolder) {
    const text = await readFile(join(lockfileFolder, "package.json"), "utf8");
    const { dependencies, optionalDependencies } = manifest.parse(JSON.parse(text));
    // A harness that is a package for each platform has these alone.
    const [version] = Object.values({ ...dependencies, ...optionalDependencies });
    if (version === undefined) throw new Error(`${lockfileFolder}/package.json pins no package`);
    return version;
  },

  async install({ name, lockfileFolder, folder, signal }) {
    for (const file of ["package.json", "package-lock.json"]) {
      await cp(join(lockfileFolder, file), join(folder, file));
    }
    await installationStep({
      program: "npm",
      parameters: ["ci", "--prefix", folder, ...flags],
      folder,
      failure: `npm could not install ${name}; it needs npm on PATH and a registry within reach`,
      signal,
    });
    return null;
  },
};
