import { z } from "zod";

const timeoutSeconds = z.number().positive().optional();

/**
 * `task.toml` of a task of one step by Harbor's schema 1.4, as far as tasks without Docker use it: no
 * key that Harbor does not know, since Harbor would pass over it in silence.
 */
export const harborTaskSchema = z.strictObject({
  schema_version: z.literal("1.4"),
  task: z.strictObject({
    /** `org/name`. */
    name: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]*\/[A-Za-z0-9_-][A-Za-z0-9._-]*$/),
    version: z.string().min(1).optional(),
    description: z.string().optional(),
    authors: z.array(z.strictObject({ name: z.string(), email: z.string().optional() })).optional(),
    keywords: z.array(z.string()).optional(),
  }),
  metadata: z.record(z.string(), z.unknown()),
  verifier: z.strictObject({ timeout_sec: timeoutSeconds }),
  agent: z.strictObject({ timeout_sec: timeoutSeconds }).optional(),
  environment: z.strictObject({
    build_timeout_sec: timeoutSeconds,
    cpus: z.number().positive().optional(),
    memory_mb: z.int().positive().optional(),
    storage_mb: z.int().positive().optional(),
    workdir: z.literal("/app").optional(),
  }),
});
