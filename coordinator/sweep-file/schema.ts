import { z } from "zod";
import { customHarnessPattern } from "../../proto/harness-names.ts";
import { determinisms, sandboxModes } from "./definition.ts";
import { suggestion } from "./problem.ts";

/** Bound on the count of seeds, so that a slip of the hand does not become a billion runs. */
const maxSeeds = 100_000;
/** llama-server takes 2^32 - 1 for "draw a seed", and some harnesses keep seeds in 31 bits. */
const maxSeed = 2 ** 31 - 1;
const maxUint32 = 2 ** 32 - 1;

/**
 * The shape of a sweep file, whose messages say what is accepted. What concerns several places at
 * once (duplicates, rules that match nothing) is in `check.ts`.
 *
 * @param harnessNames the harnesses that may be named
 */
export function sweepFileSchema(harnessNames: readonly string[]) {
  return mapping({
    name: name("the sweep's name").describe("Unique among the sweeps of a lab."),
    models: list(modelSchema, "a list of at least one model").describe(
      "The model-quants, each with the weights that nodes serve.",
    ),
    harnesses: list(harness(harnessNames), "a list of at least one harness").describe(
      "The coding agents that drive each model.",
    ),
    tasks: list(name("a task's folder name"), "a list of at least one task").describe(
      "Folder names of the tasks.",
    ),
    seeds: seeds.describe(
      "Repetitions of each cell: a count n for the seeds 1 to n, or the seeds themselves.",
    ),
    context_tokens: contextTokens
      .default(32_768)
      .describe("Context of the model servers in tokens, unless a model names its own."),
    limits: mapping(limits).describe("Reaching a limit ends a run as a timeout of the model."),
    sampling: sampling.default({}),
    determinism: z
      .enum(determinisms)
      .default("reproducible")
      .describe(
        "reproducible: one slot, a cold cache at the start of each run, the seed on every route. throughput: slots and a warm cache.",
      ),
    sandbox: z
      .enum(sandboxModes)
      .default("strict")
      .describe("none shuts nothing in: only for comparison with studies that had no sandbox."),
    decoy: z
      .boolean()
      .default(false)
      .describe(
        "Plants a grader without meaning where agents that peek would look, to measure how many do.",
      ),
    spending: mapping({
      cap_usd: number(0, 1_000_000).describe(
        "What all calls of hosted models may cost together, in US dollars.",
      ),
    }).optional(),
    retries: mapping({
      max_attempts: integer(1, 100)
        .default(3)
        .describe("Attempts of a run that infrastructure failures may use up."),
    }).default({ max_attempts: 3 }),
    include: z
      .array(selector, { error: "a list of rules" })
      .default([])
      .describe("Only cells that one of these rules matches are kept."),
    exclude: z
      .array(selector, { error: "a list of rules" })
      .default([])
      .describe("Cells that one of these rules matches are dropped."),
    overrides: z
      .array(
        mapping({
          match: selector,
          limits: mapping({ ...limits, wall_seconds: limits.wall_seconds.optional() }).default({}),
          sampling: sampling.default({}),
        }),
        { error: "a list of overrides" },
      )
      .default([])
      .describe("Settings for single cells, applied in order; a later one wins."),
  });
}

/** See {@link sweepFileSchema}. */
export type SweepFileSchema = ReturnType<typeof sweepFileSchema>;
/** A sweep file as it is written, defaults filled in. */
export type SweepFile = z.output<SweepFileSchema>;

/** A mapping that refuses keys it does not know, and says which it knows. */
function mapping<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const keys = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: ({ code }) =>
      code === "unrecognized_keys" ? `only the keys ${keys}` : `a mapping with the keys ${keys}`,
  });
}

function list<Item extends z.ZodType>(item: Item, error: string) {
  return z.array(item, { error }).min(1, { error });
}

function integer(minimum: number, maximum: number) {
  const error = `a whole number from ${minimum} to ${maximum}`;
  return z.int({ error }).min(minimum, { error }).max(maximum, { error });
}

function number(minimum: number, maximum: number) {
  const error = `a number from ${minimum} to ${maximum}`;
  return z.number({ error }).min(minimum, { error }).max(maximum, { error });
}

function harness(names: readonly string[]) {
  const error = ({ input }: { readonly input?: unknown }) =>
    `one of ${names.join(", ")}${suggestion(input, names)}, or custom: and the name of a command template of the nodes`;
  return z.union([z.enum(names, { error }), z.string().regex(customHarnessPattern, { error })], {
    error,
  });
}

/** What sweeps, models, quantisations and tasks may be called, as a pattern and in words. */
export const acceptedName = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$/,
  words: "1 to 100 letters, digits and . _ + - (a letter or digit first)",
} as const;

function name(what: string) {
  const error = `${what}: ${acceptedName.words}`;
  return z.string({ error }).regex(acceptedName.pattern, { error });
}

const seedsAccepted = {
  error: `a count from 1 to ${maxSeeds}, or a list of at least one seed from 0 to ${maxSeed}`,
};

const seeds = z.union(
  [
    z.int(seedsAccepted).min(1, seedsAccepted).max(maxSeeds, seedsAccepted),
    z.array(integer(0, maxSeed), seedsAccepted).min(1, seedsAccepted),
  ],
  seedsAccepted,
);

const contextTokens = integer(512, 16_777_216);

const limits = {
  wall_seconds: integer(1, 604_800).describe("Wall time of the harness in seconds."),
  output_tokens: integer(1, maxUint32)
    .optional()
    .describe("Completion tokens over all model calls of a run; no limit unless given."),
  turns: integer(1, maxUint32).optional().describe("Model calls of a run; no limit unless given."),
};

const sampling = mapping({
  temperature: number(0, 10).optional(),
  top_p: number(0, 1).optional(),
  top_k: integer(0, 1_000_000).optional(),
  min_p: number(0, 1).optional(),
}).describe("Sampler settings; one that is absent leaves the server's pinned default in force.");

const selection = list(
  z.string({ error: "a name or a pattern with *" }).min(1, { error: "a name or a pattern with *" }),
  "a list of at least one name or pattern with *",
).optional();

const selector = mapping({
  models: selection,
  harnesses: selection,
  tasks: selection,
}).describe("Matches a cell if each list that is given holds a name or pattern for it.");

const weightsPath = z
  .string({ error: "a path relative to a model folder of the nodes, without .." })
  .regex(/^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$))./, {
    error: "a path relative to a model folder of the nodes, without ..",
  })
  .describe("Path of the weights, relative to a model folder of the nodes.");

const modelFields = {
  name: name("a model's name").describe("Reports print name@quant."),
  context_tokens: contextTokens.optional(),
  sampling: sampling.default({}).describe("Sampler settings that differ from the sweep's."),
};

const price = (what: string) =>
  number(0, 100_000).describe(`US dollars per million ${what}, from the vendor's list.`);

const hostedFields = {
  api: z
    .enum(["anthropic", "openai"])
    .describe("The endpoint's protocol: POST /v1/messages or POST /v1/chat/completions."),
  url: z
    .url({ protocol: /^https?$/, error: "a URL with http or https, without the route" })
    .describe("The vendor's endpoint without the route, for example https://api.example.com."),
  model: z.string({ error: "the vendor's name of the model" }).min(1),
  key: z
    .string({ error: "env: and the name of an environment variable of the nodes" })
    .regex(/^env:[A-Z][A-Z0-9_]*$/, {
      error: "env: and the name of an environment variable of the nodes",
    })
    .describe("Where a node finds the key, for example env:ANTHROPIC_API_KEY. Never the key."),
  price: mapping({
    input_usd: price("input tokens"),
    cached_input_usd: price("input tokens that the vendor had cached").optional(),
    output_usd: price("output tokens"),
  }),
  rate_limit: mapping({
    requests_per_minute: integer(1, 1_000_000),
    tokens_per_minute: integer(1, maxUint32).optional(),
  }).describe("What the vendor grants; kept over the whole lab."),
};

const modelSchema = z.discriminatedUnion(
  "kind",
  [
    mapping({
      kind: z.literal("gguf").describe("A GGUF file served by llama-server."),
      ...modelFields,
      path: weightsPath,
      chat_template: weightsPath
        .optional()
        .describe("A Jinja file in place of the model's own template, in a model folder."),
      quant: name("a quantisation").describe("As in the file's name, for example UD-Q4_K_XL."),
    }),
    mapping({
      kind: z.literal("scripted").describe("The scripted stand-in, which is no language model."),
      ...modelFields,
      path: weightsPath,
      quant: name("a quantisation").optional(),
    }),
    mapping({
      kind: z.literal("hosted").describe("A vendor's model, for baselines."),
      ...modelFields,
      ...hostedFields,
    }),
  ],
  {
    error: ({ code }) =>
      code === "invalid_union" ? "gguf, scripted or hosted" : "a mapping with the key kind",
  },
);
