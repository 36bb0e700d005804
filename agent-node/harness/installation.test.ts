import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { InstallationError } from "../../proto/installation-step.ts";
import { createRootLogger } from "../../proto/log.ts";
import { packageRoot } from "../../proto/package-root.ts";
import {
  drivenHarnesses,
  installationDamage,
  installedHarnesses,
  installHarness,
  installIntactHarness,
  runtimeVersion,
} from "./installation.ts";
import { findHarness } from "./registry.ts";

let root: string;
let folder: string;
const log = createRootLogger({
  name: "test",
  level: "error",
  secrets: [],
  stream: { write: () => {} },
});

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "installation-"));
  folder = join(root, "harnesses");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

/** Puts a program named npm first on PATH, which runs `script` in the folder it is to fill. */
function npmThat(script: string): void {
  const bin = join(root, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "npm"), `#!/bin/sh\necho "$@" >> ${root}/calls\n${script}\n`);
  chmodSync(join(bin, "npm"), 0o755);
  vi.stubEnv("PATH", `${bin}${delimiter}${process.env["PATH"]}`);
}
const program = findHarness("pi")?.program ?? "";
const runtime = findHarness("pi")?.runtime ?? "";
const installing = [program, runtime]
  .map((file) => `mkdir -p "$(dirname ${file})" && touch ${file}`)
  .join(" && ");
const install = (signal = new AbortController().signal) =>
  installHarness({ name: "pi", folder, log, signal });

describe("installing a harness", () => {
  test("lets npm follow the lockfile without scripts, once", async () => {
    npmThat(`test -f package-lock.json && ${installing}`);
    const installed = await install();
    expect(installed).toMatchObject({
      name: "pi",
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
    expect(existsSync(join(installed.folder, program))).toBe(true);
    expect(await install()).toEqual(installed);
    expect(await installedHarnesses(folder)).toEqual([installed]);
    const calls = readFileSync(join(root, "calls"), "utf8").trimEnd().split("\n");
    expect(calls).toEqual([expect.stringMatching(/^ci .*--ignore-scripts/)]);
  });

  test("by several at one time leaves one installation", async () => {
    npmThat(installing);
    const [one, other] = await Promise.all([install(), install()]);
    expect(one).toEqual(other);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("that npm fails says why and leaves nothing", async () => {
    npmThat("echo 'npm error code E404' >&2; exit 1");
    await expect(install()).rejects.toThrow(/npm could not install pi.*E404/s);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("whose package for this platform npm passed over has failed", async () => {
    npmThat("mkdir node_modules");
    await expect(install()).rejects.toThrow(/without node_modules/);
    expect(await installedHarnesses(folder)).toEqual([]);
  });

  test("can be given up", async () => {
    npmThat(`touch ${root}/started; exec sleep 60`);
    const giveUp = new AbortController();
    const installation = install(giveUp.signal);
    await vi.waitFor(() => expect(existsSync(join(root, "started"))).toBe(true), 10_000);
    giveUp.abort(new Error("given up"));
    await expect(installation).rejects.toThrow("given up");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("removes what a process that died left behind, not what others are at", async () => {
    npmThat(installing);
    for (const name of [".installing-pi-old", ".installing-pi-new"]) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    utimesSync(join(folder, ".installing-pi-old"), 0, 0);
    await install();
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([
      ".installing-pi-new",
    ]);
  });

  test("makes one anew whose files are no longer all there", async () => {
    npmThat(installing);
    const { folder: place } = await install();
    rmSync(join(place, runtime));
    expect(await installedHarnesses(folder)).toEqual([]);
    const anew = await install();
    expect(anew.folder).toBe(place);
    expect(existsSync(join(place, runtime))).toBe(true);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("refuses one that this version cannot drive, naming those it can", async () => {
    const { signal } = new AbortController();
    const unknown = installHarness({ name: "cline", folder, log, signal });
    await expect(unknown).rejects.toThrow(InstallationError);
    await expect(unknown).rejects.toThrow(/"cline".*aider, claude/);
  });
});

test("no folder of installed harnesses holds no harness", async () => {
  expect(await installedHarnesses(folder)).toEqual([]);
});

describe("an installation's integrity", () => {
  const installed = async () => {
    npmThat(`${installing} && ln -s .. node_modules/link && echo good > node_modules/library.js`);
    return install();
  };

  test("is kept by one that nothing has touched", async () => {
    expect(await installationDamage(await installed())).toBeNull();
  });

  test.each([
    ["a changed file", "echo bad > node_modules/library.js", "changed: node_modules/library.js"],
    ["a lost file", "rm node_modules/library.js", "missing: node_modules/library.js"],
    ["an added file", "touch node_modules/other.js", "added: node_modules/other.js"],
    ["another mode", "chmod 700 node_modules/library.js", "changed: node_modules/library.js"],
    ["a link led elsewhere", "ln -sfn / node_modules/link", "changed: node_modules/link"],
    ["two lost files", "rm node_modules/library.js node_modules/link", /^missing: .* and 1 more$/],
    ["a lost list of files", "rm installed-files.json", "missing: installed-files.json"],
  ])("is lost by %s", async (_, command, damage) => {
    const harness = await installed();
    execFileSync("sh", ["-c", command], { cwd: harness.folder });
    expect(await installationDamage(harness)).toEqual(
      typeof damage === "string" ? damage : expect.stringMatching(damage),
    );
  });

  test("comes back by an installation that looks at what is there, and only then installs", async () => {
    const harness = await installed();
    const repair = async () => {
      const { signal } = new AbortController();
      const again = await installIntactHarness({ name: "pi", folder, log, signal });
      expect(await installationDamage(again)).toBeNull();
      return readFileSync(join(root, "calls"), "utf8").trimEnd().split("\n").length;
    };
    expect(await repair()).toBe(1);
    rmSync(join(harness.folder, "node_modules/library.js"));
    expect(await repair()).toBe(2);
  });

  test("is no matter of whether its interpreter runs, which is asked by itself", async () => {
    const harness = await installed();
    await expect(runtimeVersion(harness)).rejects.toThrow(/EACCES/);
    writeFileSync(join(harness.folder, runtime), "#!/bin/sh\necho v22\n", { mode: 0o755 });
    chmodSync(join(harness.folder, runtime), 0o755);
    expect(await runtimeVersion(harness)).toBe("v22");
  });
});

const lockfiles = join(packageRoot, "agent-node/harness/installed");
const ofNpm = drivenHarnesses.filter((name) => existsSync(join(lockfiles, name, "package.json")));

describe.each(ofNpm)("the lockfile of %s", (name) => {
  const read = (file: string): unknown =>
    JSON.parse(readFileSync(join(lockfiles, name, file), "utf8"));
  const lockfile = z.object({
    packages: z.record(
      z.string(),
      z.object({
        integrity: z.string().optional(),
        resolved: z.string().optional(),
        link: z.boolean().optional(),
      }),
    ),
  });
  const packages = Object.entries(lockfile.parse(read("package-lock.json")).packages).filter(
    ([path]) => path !== "",
  );

  test("has a digest for each package and names no server", () => {
    expect(packages).not.toEqual([]);
    for (const [, found] of packages) {
      expect(found).toEqual({ integrity: expect.stringMatching(/^sha(?:256|512)-/) });
    }
  });

  test("belongs to one exact version of the harness", () => {
    const versions = z.record(z.string(), z.string()).default({});
    const { dependencies, optionalDependencies } = z
      .object({ dependencies: versions, optionalDependencies: versions })
      .parse(read("package.json"));
    const pinned = Object.values({ ...dependencies, ...optionalDependencies });
    expect(pinned).not.toEqual([]);
    for (const version of pinned) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

const binaries = {
  claude: "@anthropic-ai/claude-code-",
  opencode: "opencode-",
  pi: "node-",
  qwen: "node-",
};

test.each(Object.entries(binaries))(
  "the lockfile of %s holds the binaries of Apple silicon, of Intel Macs and of Linux",
  (name, prefix) => {
    const path = join(packageRoot, "agent-node/harness/installed", name, "package-lock.json");
    const text = readFileSync(path, "utf8");
    for (const platform of ["darwin-arm64", "darwin-x64", "linux-x64", "linux-arm64"]) {
      const inName =
        prefix === "node-" && platform === "darwin-arm64" ? `bin-${platform}` : platform;
      expect(text).toContain(`"node_modules/${prefix}${inName}"`);
    }
  },
);

describe("the requirements of aider", () => {
  const text = readFileSync(join(lockfiles, "aider/requirements.txt"), "utf8");
  const packages = text.split(/\n(?=\S)/);

  test("have a digest for each package, name no server, and hold what requirements.in pins", () => {
    expect(packages.length).toBeGreaterThan(100);
    for (const one of packages) {
      expect(one).toMatch(
        /^[a-z0-9-]+==[^\s;]+(?: ; [^\\]+)? \\\n(?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+$/,
      );
    }
    const pinned = readFileSync(join(lockfiles, "aider/requirements.in"), "utf8").trim();
    expect(packages.map((one) => one.split(" ")[0])).toContain(pinned);
  });
});
