import { z } from "zod";
import type { Obstacle } from "./obstacle.ts";

/** What is not asked for. */
const nothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === 0 ||
  value === false ||
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === "object" && value !== null && Object.keys(value).length === 0);

/** Keys of Harbor's schema 1.4 that ask for what is not there, and why it is not. */
const unavailable: readonly { readonly key: string; readonly why: string }[] = [
  { key: "steps", why: "a run here has one step" },
  { key: "artifacts", why: "only the workspace is kept" },
  { key: "solution.env", why: "solve.sh gets no variables" },
  { key: "agent.user", why: "agents run as one user" },
  { key: "agent.allowed_hosts", why: "agents have no network" },
  { key: "verifier.env", why: "tests get no variables of a task" },
  { key: "verifier.user", why: "tests run as one user" },
  { key: "verifier.environment", why: "tests run on the grader's machine" },
  { key: "verifier.collect", why: "there are no services" },
  { key: "verifier.allowed_hosts", why: "tests have no network" },
  { key: "environment.docker_image", why: "there is no Docker" },
  { key: "environment.gpus", why: "no GPU is handed to a run" },
  { key: "environment.gpu_types", why: "no GPU is handed to a run" },
  { key: "environment.tpu", why: "there is no TPU" },
  { key: "environment.mcp_servers", why: "agents have no MCP servers" },
  { key: "environment.env", why: "agents get no variables of a task" },
  { key: "environment.skills_dir", why: "agents get no skills" },
  { key: "environment.healthcheck", why: "there is no service to wait for" },
  { key: "environment.allowed_hosts", why: "agents have no network" },
  { key: "environment.allow_internet", why: "agents have no network" },
];

const networkKeys = ["environment.network_mode", "agent.network_mode", "verifier.network_mode"];

const anObject = z.record(z.string(), z.unknown());

/** What a `task.toml` of Harbor's schema 1.4 asks for that cannot be had here. */
export function findObstacles(definition: unknown): Obstacle[] {
  const obstacles: Obstacle[] = [];
  const object = (key: string, value: unknown, why: string): void => {
    obstacles.push({ where: `task.toml ${key}`, found: JSON.stringify(value).slice(0, 200), why });
  };
  for (const { key, why } of unavailable) {
    const value = at(definition, key);
    if (!nothing(value)) object(key, value, why);
  }
  for (const key of networkKeys) {
    const value = at(definition, key);
    if (value !== undefined && value !== "no-network") object(key, value, "there is no network");
  }
  const system = at(definition, "environment.os");
  if (system !== undefined && system !== "linux") {
    object("environment.os", system, "tests run on Linux and macOS");
  }
  const mode = at(definition, "verifier.environment_mode");
  if (mode !== undefined && mode !== "shared") {
    object("verifier.environment_mode", mode, "tests run on the agent's final workspace");
  }
  const workdir = at(definition, "environment.workdir");
  if (workdir !== undefined && workdir !== "/app") {
    object("environment.workdir", workdir, "agents and tests work in /app");
  }
  return obstacles;
}

function at(value: unknown, key: string): unknown {
  return key.split(".").reduce<unknown>((parent, part) => {
    const parsed = anObject.safeParse(parent);
    return parsed.success ? parsed.data[part] : undefined;
  }, value);
}

/** Programs that only work with a network. */
const networked =
  /^\s*(?:sudo\s+)?(?:.*(?:&&|;|\|)\s*)?(apt(?:-get)?|curl|wget|pip3?|uvx?|npm|npx|git\s+clone|conda|brew)\b/;

/** Lines of a script of tests that need what graders do not have. */
export function findNetworkUse(file: string, script: string): Obstacle[] {
  return script.split("\n").flatMap((line, index) => {
    const program = networked.exec(line.replace(/#.*/, ""))?.[1];
    return program === undefined
      ? []
      : [
          {
            where: `${file}:${index + 1}`,
            found: line.trim().slice(0, 200),
            why: `${program} needs a network, which tests do not have`,
          },
        ];
  });
}
