import { posix } from "node:path";
import { Copy, DockerfileParser, From, type Instruction, Workdir } from "dockerfile-ast";
import type { ToolchainName } from "../../proto/toolchains.ts";
import type { Obstacle } from "./obstacle.ts";

/** What a Dockerfile asks for, as far as a sandbox without Docker can give it. */
export interface ContainerNeeds {
  /** Files and folders beside the Dockerfile, and where they go in the workspace. */
  readonly copies: readonly { readonly from: string; readonly to: string }[];
  readonly toolchains: readonly ToolchainName[];
  readonly obstacles: readonly Obstacle[];
}

/** Folder of the container that the workspace stands for. */
export const workspaceFolder = "/app";

/** Packages of Debian that toolchains here stand for; null for what every sandbox has. */
const knownPackages: Readonly<Record<string, ToolchainName | null>> = {
  bash: null,
  "ca-certificates": null,
  coreutils: null,
  gcc: "cc",
  "g++": "c++",
  "build-essential": "c++",
  "libc6-dev": null,
  make: null,
  python3: "python3",
  "python3-minimal": "python3",
  rustc: "rustc",
  cargo: "cargo",
  sqlite3: "sqlite3",
};

/** Packages of Python that toolchains here stand for. */
const knownPythonPackages: Readonly<Record<string, ToolchainName>> = {
  numpy: "numpy",
  torch: "torch",
  jax: "jax",
};

/** What images bring beyond a bare system, by the last part of their name up to the first hyphen. */
const knownImages: Readonly<Record<string, readonly ToolchainName[]>> = {
  debian: [],
  ubuntu: [],
  python: ["python3"],
  gcc: ["cc", "c++"],
  rust: ["rustc", "cargo", "cc"],
};

/** Instructions that change nothing for files or programs. */
const harmless = new Set(["LABEL", "MAINTAINER", "CMD", "EXPOSE", "STOPSIGNAL"]);

const housekeeping =
  /^(?:apt-get\s+(?:update|clean)\b|rm\s+-rf?\s+\/var\/lib\/apt\/lists\/\*$|mkdir\s+-p\s+\/app$)/;

/** Reads a Dockerfile for what it needs. Never throws: what it does not know is an obstacle. */
export function readDockerfile(text: string): ContainerNeeds {
  const copies: { from: string; to: string }[] = [];
  const toolchains = new Set<ToolchainName>();
  const obstacles: Obstacle[] = [];
  let folder = "/";
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    const keyword = instruction.getKeyword();
    const object = (why: string): void => {
      const line = instruction.getRange().start.line + 1;
      obstacles.push({
        where: `environment/Dockerfile:${line}`,
        found: instruction.getTextContent().replaceAll(/\s+/g, " ").slice(0, 200),
        why,
      });
    };
    if (instruction instanceof From) {
      const image = instruction.getImageName() ?? "";
      const brought = knownImages[posix.basename(image).replace(/-.*/, "")];
      if (brought === undefined) object(`what the image ${image} brings is not known here`);
      for (const name of brought ?? []) toolchains.add(name);
    } else if (instruction instanceof Workdir) {
      folder = posix.resolve(folder, instruction.getPath() ?? "");
    } else if (instruction instanceof Copy) {
      readCopy(instruction, folder, copies, object);
    } else if (keyword === "RUN") {
      readRun(instruction, toolchains, object);
    } else if (!harmless.has(keyword)) {
      object(
        "only FROM, WORKDIR, COPY into /app and installing known packages can be had without Docker",
      );
    }
  }
  if (folder !== workspaceFolder) {
    obstacles.push({
      where: "environment/Dockerfile",
      found: `WORKDIR ${folder}`,
      why: `agents and tests work in ${workspaceFolder}`,
    });
  }
  return { copies, toolchains: [...toolchains], obstacles };
}

function readCopy(
  instruction: Copy,
  folder: string,
  copies: { from: string; to: string }[],
  object: (why: string) => void,
): void {
  const words = instruction.getArguments().map((word) => word.getValue());
  const target = words.at(-1);
  const sources = words.slice(0, -1);
  if (instruction.getFlags().length > 0 || target === undefined || sources.length === 0) {
    return object("COPY with options needs Docker");
  }
  const absolute = posix.resolve(folder, target);
  if (absolute !== workspaceFolder && !absolute.startsWith(`${workspaceFolder}/`)) {
    return object(`only ${workspaceFolder} is there for files`);
  }
  for (const source of sources) {
    if (/[*?[$]/.test(source)) return object("patterns and variables need Docker");
    const isInto = target.endsWith("/") || sources.length > 1 || target === ".";
    const from = posix.normalize(source).replace(/\/$/, "");
    const isFolder = source.endsWith("/") || from === ".";
    const to = isInto && !isFolder ? posix.join(absolute, posix.basename(from)) : absolute;
    copies.push({ from, to: posix.relative(workspaceFolder, to) });
  }
}

function readRun(
  instruction: Instruction,
  toolchains: Set<ToolchainName>,
  object: (why: string) => void,
): void {
  const script = instruction.getArgumentsContent() ?? "";
  const commands = script
    .replaceAll(/\\\r?\n/g, " ")
    .split(/&&|;|\n/)
    .map((command) => command.trim())
    .filter((command) => command !== "");
  for (const command of commands) {
    if (housekeeping.test(command)) continue;
    const pythonPackages = /^pip3?\s+install\s+(.*)$/.exec(command)?.[1]?.split(/\s+/);
    if (pythonPackages !== undefined) {
      for (const name of pythonPackages.filter((word) => word !== "--no-cache-dir")) {
        const toolchain = knownPythonPackages[name];
        if (toolchain === undefined) return object(`"${command}" needs Docker`);
        toolchains.add(toolchain);
      }
      continue;
    }
    const packages = /^apt-get\s+(?:-\S+\s+)*install\s+(.*)$/.exec(command)?.[1];
    if (packages === undefined) return object(`"${command}" needs Docker`);
    for (const name of packages.split(/\s+/).filter((word) => !word.startsWith("-"))) {
      const toolchain = knownPackages[name];
      if (toolchain === undefined) return object(`the package ${name} has no toolchain here`);
      if (toolchain !== null) toolchains.add(toolchain);
    }
  }
}
