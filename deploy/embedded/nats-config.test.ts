import { describe, expect, test } from "vitest";
import { nodePermissions } from "../../proto/nats/permissions.ts";
import { natsConfig } from "./nats-config.ts";

const options = {
  host: "127.0.0.1",
  port: 4300,
  storeFolder: "/data/jetstream",
  pidFile: "/data/pid",
  users: [{ user: "node-a", password: "p", permissions: nodePermissions("a") }],
};

describe("the configuration of an embedded nats-server", () => {
  test.each([
    [{ major: 2, minor: 9, patch: 10 }, false],
    [{ major: 2, minor: 10, patch: 0 }, true],
    [{ major: 3, minor: 0, patch: 0 }, true],
  ])("asks version %o to sync always only if it knows how to: %s", (version, expected) => {
    expect(natsConfig({ ...options, version }).includes('"sync_interval": "always"')).toBe(
      expected,
    );
  });

  test("lists each user with nothing but its permissions", () => {
    const config = JSON.parse(
      natsConfig({ ...options, version: { major: 2, minor: 10, patch: 0 } }),
    );
    expect(config.authorization.users).toEqual([
      {
        user: "node-a",
        password: "p",
        permissions: {
          publish: { allow: nodePermissions("a").publish },
          subscribe: { allow: ["_INBOX_node-a.>"] },
        },
      },
    ]);
  });
});
