import { join } from "node:path";
import { z } from "zod";
import { packageRoot } from "../proto/package-root.ts";
import { commonSettings, setting } from "../proto/role-config.ts";

/** Settings of the coordinator, from its file and the environment. */
export const coordinatorConfigSchema = z
  .strictObject({
    ...commonSettings,
    databaseUrl: setting.secret("a URL such as postgres://user:password@host:5432/database"),
    listen: setting.address("address for nodes and operators").default("127.0.0.1:7411"),
    labToken: setting.secret("the secret that nodes and operators share with the coordinator"),
    tasks: setting.folders("folders that hold task folders").default([join(packageRoot, "tasks")]),
    leaseTtlMs: setting.wholeNumber(1_000, 3_600_000, "milliseconds").default(30_000),
    heartbeatMs: setting.wholeNumber(100, 600_000, "milliseconds").default(5_000),
  })
  .refine(({ leaseTtlMs, heartbeatMs }) => heartbeatMs * 3 <= leaseTtlMs, {
    path: ["heartbeatMs"],
    message: "at most a third of leaseTtlMs, so that a lost heartbeat does not cost a lease",
  });

/** See {@link coordinatorConfigSchema}. */
export type CoordinatorConfig = z.infer<typeof coordinatorConfigSchema>;
