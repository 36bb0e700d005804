import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { nodeConfigSchema } from "../../agent-node/config.ts";
import { coordinatorConfigSchema } from "../../coordinator/config.ts";
import { graderConfigSchema } from "../../grader/config.ts";
import { coordinatorUser, graderUser, nodeUser } from "../../proto/nats/permissions.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { loadRoleConfig } from "../../proto/role-config.ts";

const folder = join(packageRoot, "deploy/lab");
const read = (file: string): string => readFileSync(join(folder, file), "utf8");

const roles = [
  { role: "coordinator", schema: coordinatorConfigSchema, user: () => coordinatorUser },
  { role: "node", schema: nodeConfigSchema, user: () => nodeUser(valueOf("node", "nodeName")) },
  {
    role: "grader",
    schema: graderConfigSchema,
    user: () => graderUser(valueOf("grader", "graderName")),
  },
] satisfies { role: string; schema: z.ZodObject; user: () => string }[];

function valueOf(role: string, setting: string): string {
  return new RegExp(`^${setting}: (.*)$`, "m").exec(read(`${role}.yaml`))?.[1] ?? "";
}

describe.each(roles)("the example settings of a $role", ({ role, schema, user }) => {
  const file = join(folder, `${role}.yaml`);

  test("are accepted as they stand", () => {
    const load = () => loadRoleConfig<object>({ schema, file, environment: {} });
    expect(load).not.toThrow();
  });

  test("show every setting, if only in a comment, and none that does not exist", () => {
    const settings = read(`${role}.yaml`).replaceAll(/^# (\w+: )/gm, "$1");
    const shown = [...settings.matchAll(/^(\w+): /gm)].map(([, name]) => name);
    expect(new Set(shown)).toEqual(new Set(Object.keys(schema.shape)));
  });

  test("name the NATS user that the generated permissions are for", () => {
    expect(valueOf(role, "natsUser")).toBe(user());
  });
});

describe("the service files", () => {
  test("start a role that exists with the example's name of its settings", () => {
    const units = readdirSync(join(folder, "systemd"));
    expect(new Set(units)).toEqual(
      new Set(["coordinator", "grader", "node"].map((role) => `sweep-${role}.service`)),
    );
    for (const unit of units) {
      const role = /^sweep-(\w+)\.service$/.exec(unit)?.[1];
      expect(read(join("systemd", unit))).toContain(
        `sweep ${role} --config /etc/sweep/${role}.yaml`,
      );
    }
    expect(read("launchd/dev.harness-sweep.node.plist")).toMatch(
      /<string>node<\/string>\s*<string>--config<\/string>/,
    );
  });
});
