import { z } from "zod";
import { commonSettings, setting } from "../../proto/role-config.ts";
import { runRole } from "../../proto/role-process.ts";

/**
 * A role that serves nothing: it keeps the contract of role processes as its `behaviour` says, for
 * tests of what starts and stops them.
 * Usage: `stand-in-role.ts coordinator|node|grader [--config FILE]`.
 */
const role = z.enum(["coordinator", "node", "grader"]).parse(process.argv[2]);
/** What only one role knows; accepted from all, and not looked at. */
const unused = z.string().optional();

await runRole({
  role,
  configFile: process.argv[4],
  schema: z.strictObject({
    ...commonSettings,
    listen: setting.address("where it would listen").default("127.0.0.1:7411"),
    behaviour: z.enum(["serve", "hang", "fail"]).default("serve").describe("serve, hang or fail"),
    databaseUrl: unused,
    labToken: unused,
    nodeName: unused,
    graderName: unused,
    coordinator: unused,
  }),
  serve: async ({ config, log, signal, ready }) => {
    if (config.behaviour === "fail") {
      throw new Error(`cannot log in with ${config.natsPassword}`, { cause: new Error("refused") });
    }
    const alive = setInterval(() => log.debug("alive"), 1_000);
    const stopped = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve()),
    );
    ready({ address: config.listen });
    await stopped;
    if (config.behaviour === "hang") await new Promise(() => {});
    clearInterval(alive);
  },
});
