import { z } from "zod";
import { toolchainNames } from "../toolchain/manifest.ts";

/** Languages that tasks are written in; each names its toolchains in its own `toolchains`. */
export const taskLanguages = ["python", "sql", "c", "cpp", "rust", "pytorch", "jax"] as const;

/** One of {@link taskLanguages}. */
export const taskLanguageSchema = z.enum(taskLanguages);

/** See {@link taskLanguages}. */
export type TaskLanguage = z.infer<typeof taskLanguageSchema>;

/**
 * Where the code under test runs while it is graded. `separate`: in sandboxes that see nothing of the
 * hidden tests but `tests/candidate`; the tests ask the grader for them (docs/grading.md). `shared`: the
 * tests start it themselves, in the sandbox that holds them, so that their verdict is only as good as
 * the code is honest; for tasks from elsewhere.
 */
const isolations = ["separate", "shared"] as const;

/** See {@link isolations}. */
export type Isolation = (typeof isolations)[number];

const seconds = z.number().positive().max(86_400);

/** Our keys in Harbor's `task.toml`, under `[metadata.harness_sweep]`. */
const ownKeys = z.strictObject({
  language: taskLanguageSchema,
  /** Files the agent is to write, relative to its workspace; none are named where nobody knows. */
  files: z.array(z.string().min(1)).default([]),
  /** What agent and grader need, by the names of the manifest. */
  toolchains: z.array(z.enum(toolchainNames)),
  isolation: z.enum(isolations),
});

/**
 * `task.toml` as far as this program reads it: Harbor's schema 1.4 with our own keys. Harbor's other
 * keys are its own business and are let through.
 */
export const taskTomlSchema = z.looseObject({
  /** Older files of Harbor call it `version`. */
  schema_version: z.string().optional(),
  metadata: z.looseObject({ harness_sweep: ownKeys }),
  verifier: z.looseObject({ timeout_sec: seconds.default(600) }).prefault({}),
  environment: z
    .looseObject({ memory_mb: z.number().int().positive().default(2_048) })
    .prefault({}),
});

/** See {@link taskTomlSchema}. */
export type TaskToml = z.infer<typeof taskTomlSchema>;
