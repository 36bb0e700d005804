import type { Requirement } from "../../deploy/provision/requirements.ts";
import type { Toolchain, ToolchainName, ToolchainTerms } from "../../proto/toolchain/manifest.ts";
import type { CliContext } from "./context.ts";
import type { Finding } from "./finding.ts";

const installs = "`sweep toolchains install`";

/** Compilers whose sanitizers tasks are graded with, and the extension of their files. */
const sanitized = { cc: "c", "c++": "cpp" } as const;

/**
 * What this machine has of the toolchains of the manifest: each with its version, or what was found in
 * its place and what to do; whether sanitizers work; and whether the files of the environment of Python
 * packages are as they were installed. Takes some seconds.
 */
export async function toolchainFindings({
  environment,
}: Pick<CliContext, "environment">): Promise<Finding[]> {
  const { toolchainManifest } = await import("../../proto/toolchain/manifest.ts");
  const { findToolchains } = await import("../../proto/toolchains.ts");
  const { requirements } = await import("../../deploy/provision/requirements.ts");
  const { toolchains } = await findToolchains(environment);
  const needed = requirements(process.platform);
  const found = (name: ToolchainName) => toolchains.find((one) => one.name === name);
  const findings: Finding[] = [];
  for (const terms of toolchainManifest) {
    const toolchain = found(terms.name);
    findings.push(
      toolchain === undefined
        ? await absentFinding(terms, needed, environment)
        : presentFinding(toolchain),
    );
  }
  return [
    ...findings,
    ...(await sanitizerFindings(toolchains, needed)),
    ...(await environmentFindings(environment)),
  ];
}

function presentFinding({ name, version, path }: Toolchain): Finding {
  return { what: name, state: "ok", detail: `${version} (${path})`, remedy: "" };
}

async function absentFinding(
  { name, neededFor }: ToolchainTerms,
  needed: readonly Requirement[],
  environment: CliContext["environment"],
): Promise<Finding> {
  const { lockedNames } = await import("../../proto/toolchain/manifest.ts");
  const { refusedProgram } = await import("../../proto/toolchain/refused-program.ts");
  const isLocked = lockedNames.includes(name);
  const refused = isLocked ? null : await refusedProgram(name, environment["PATH"]);
  const seen = refused === null ? "" : `; found ${refused}`;
  const howToGet = needed.find((requirement) => requirement.name === name)?.howToGet;
  const remedy = isLocked ? installs : (howToGet ?? "the system's package manager brings it");
  return { what: name, state: "absent", detail: `needed ${neededFor}${seen}`, remedy };
}

async function sanitizerFindings(
  toolchains: readonly Toolchain[],
  needed: readonly Requirement[],
): Promise<Finding[]> {
  const { probeSanitizers } = await import("../../proto/toolchain/sanitizers.ts");
  const findings: Finding[] = [];
  for (const name of ["cc", "c++"] as const) {
    const compiler = toolchains.find((one) => one.name === name);
    if (compiler === undefined) continue;
    const howToGet = needed.find((requirement) => requirement.name === name)?.howToGet ?? "";
    for (const { flag, fault } of await probeSanitizers(compiler.path, sanitized[name])) {
      const what = `${name} ${flag}`;
      findings.push(
        fault === null
          ? { what, state: "ok", detail: "a program with it runs", remedy: "" }
          : { what, state: "fault", detail: fault, remedy: howToGet },
      );
    }
  }
  return findings;
}

async function environmentFindings(environment: CliContext["environment"]): Promise<Finding[]> {
  const { findPythonEnvironment, taskPackages, toolchainFolder } = await import(
    "../../proto/toolchain/python-environment.ts"
  );
  const { environmentDamage } = await import("../../proto/toolchain/install-python.ts");
  const what = "python packages";
  const folder = toolchainFolder(environment);
  const installed = await findPythonEnvironment(folder, taskPackages);
  if (installed === null) {
    return [{ what, state: "absent", detail: `not in ${folder}`, remedy: installs }];
  }
  const damage = await environmentDamage(installed);
  if (damage === null) {
    return [{ what, state: "ok", detail: `as installed (${installed.folder})`, remedy: "" }];
  }
  const detail = `${installed.folder}; ${damage}`;
  const remedy = `${installs} installs it anew; no run may use it meanwhile`;
  return [{ what, state: "fault", detail, remedy }];
}
