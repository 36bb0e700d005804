import { z } from "zod";
import { commonSettings } from "../proto/role-config.ts";
import { nodeNamePattern } from "../proto/subjects.ts";

/** Settings of the role `grader`; see `proto/role-config.ts` for where they come from. */
export const graderConfigSchema = z.strictObject({
  ...commonSettings,
  graderName: z
    .string()
    .regex(nodeNamePattern)
    .describe("name of this grader: up to 40 lower-case letters, digits and inner hyphens"),
});

/** See {@link graderConfigSchema}. */
export type GraderConfig = z.infer<typeof graderConfigSchema>;
