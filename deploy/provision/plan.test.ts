import { describe, expect, test } from "vitest";
import { type Means, planProvision } from "./plan.ts";
import { type Requirement, requirements } from "./requirements.ts";

const debian: Means = {
  platform: "linux",
  isRoot: true,
  hasSudo: false,
  hasApt: true,
  brew: undefined,
  toolsFolder: "/lab/.sweep/tools",
};
const mac: Means = {
  ...debian,
  platform: "darwin",
  isRoot: false,
  hasApt: false,
  brew: "/opt/homebrew/bin/brew",
};

const missing = (platform: NodeJS.Platform, ...names: Requirement["name"][]): Requirement[] =>
  requirements(platform).filter(({ name }) => names.includes(name));

function commandsOf(list: Requirement[], means: Means): string[] {
  const plan = planProvision(list, means);
  return plan.kind === "steps" ? plan.steps.map(({ command }) => command.join(" ")) : [];
}

describe("getting what a machine lacks", () => {
  test("does nothing where nothing is missing, whatever the machine", () => {
    expect(planProvision([], { ...debian, platform: "freebsd" })).toEqual({
      kind: "steps",
      steps: [],
    });
  });

  test("installs only the packages that are missing, as root without asking", () => {
    const [install, ...others] = commandsOf(missing("linux", "bwrap", "cc"), debian);
    expect(install).toMatch(/apt-get install --yes .* bubblewrap gcc libc6-dev$/);
    expect(install).not.toContain("sudo");
    expect(others).toEqual([]);
  });

  test("uses sudo when it needs no password", () => {
    const [install] = commandsOf(missing("linux", "rustc"), {
      ...debian,
      isRoot: false,
      hasSudo: true,
    });
    expect(install).toMatch(/^sudo -n env .*apt-get install .* rustc$/);
  });

  test("refreshes the package lists only for a second attempt", () => {
    const plan = planProvision(missing("linux", "rustc"), debian);
    expect(plan).toMatchObject({
      steps: [{ beforeRetry: expect.arrayContaining(["apt-get", "update"]) }],
    });
  });

  test("without any right stops with the one command that would do", () => {
    const plan = planProvision(missing("linux", "nats-server", "bwrap", "cc"), {
      ...debian,
      isRoot: false,
    });
    expect(plan).toEqual({
      kind: "by-hand",
      message: expect.stringMatching(
        /Run: sudo apt-get update && sudo apt-get install -y bubblewrap gcc libc6-dev$/,
      ),
    });
  });

  test("unpacks nats-server and never installs it, since the package starts a service", () => {
    for (const isRoot of [true, false]) {
      const commands = commandsOf(missing("linux", "nats-server"), { ...debian, isRoot });
      expect(commands).toHaveLength(1);
      expect(commands[0]).toContain("dpkg -x");
      expect(commands[0]).not.toMatch(/apt-get install|sudo/);
    }
  });

  test("uses Homebrew on macOS, where bubblewrap is not needed", () => {
    expect(requirements("darwin").map(({ name }) => name)).not.toContain("bwrap");
    expect(commandsOf(missing("darwin", "nats-server", "rustc"), mac)).toEqual([
      "/opt/homebrew/bin/brew install nats-server rust",
    ]);
    expect(commandsOf(missing("darwin", "python3", "python3-venv"), mac)).toEqual([
      "/opt/homebrew/bin/brew install python",
    ]);
  });

  test.each([
    [
      "Homebrew is missing",
      missing("darwin", "nats-server"),
      { ...mac, brew: undefined },
      "brew install nats-server",
    ],
    ["Apple's compiler is missing", missing("darwin", "cc"), mac, "xcode-select --install"],
    [
      "the package manager is unknown",
      missing("linux", "cc"),
      { ...debian, hasApt: false },
      "cc (needed by tasks written in C)",
    ],
  ])("says what to do when %s", (_case, list, means, expected) => {
    expect(planProvision(list, means)).toMatchObject({
      message: expect.stringContaining(expected),
    });
  });
});
