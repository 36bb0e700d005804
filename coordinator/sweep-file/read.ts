import {
  findDuplicates,
  findIdlePatterns,
  findMatrixProblems,
  findMissingTasks,
  sectionsOf,
} from "./check.ts";
import {
  type HostedModel,
  type ModelDefinition,
  modelLabel,
  type Override,
  type SamplingSettings,
  type SweepDefinition,
} from "./definition.ts";
import { problemsFromIssue, type SweepFileProblem } from "./problem.ts";
import { type SweepFile, sweepFileSchema } from "./schema.ts";
import { parseYaml } from "./source.ts";

/** A sweep file, understood or not. */
export type SweepFileReading =
  | {
      readonly kind: "valid";
      readonly sweep: SweepDefinition;
      /**
       * Tasks without a folder. Such a sweep can be planned, which counts its runs, but not
       * submitted: a run needs its task's content.
       */
      readonly missingTasks: readonly SweepFileProblem[];
    }
  /** Every problem of the file, missing tasks included, in the order of its lines. */
  | { readonly kind: "invalid"; readonly problems: readonly SweepFileProblem[] };

/**
 * Reads the text of a sweep file. Pure: what exists comes in as arguments.
 *
 * @param known.harnesses the harnesses that may be named
 * @param known.tasks the tasks that have a folder
 */
export function readSweepFile(
  text: string,
  known: { harnesses: readonly string[]; tasks: readonly string[] },
): SweepFileReading {
  const source = parseYaml(text);
  if (source.faults.length > 0) {
    const problems = source.faults.map(({ position, message }) => ({
      ...position,
      path: "",
      found: message,
      accepted: "one YAML document without repeated keys",
    }));
    return { kind: "invalid", problems };
  }
  const schema = sweepFileSchema(known.harnesses);
  const parsed = schema.safeParse(source.value);
  const sections = sectionsOf(schema, source.value);
  const missingTasks = findMissingTasks(source, sections, known.tasks);
  const problems = [
    ...(parsed.error?.issues ?? []).flatMap((issue) => problemsFromIssue(source, issue)),
    ...findDuplicates(source, sections),
    ...findIdlePatterns(source, sections),
  ];
  if (parsed.success && problems.length === 0) {
    const sweep = definitionFrom(parsed.data);
    problems.push(...findMatrixProblems(source, sweep));
    if (problems.length === 0) return { kind: "valid", sweep, missingTasks };
  }
  const all = [...problems, ...missingTasks];
  return {
    kind: "invalid",
    problems: all.toSorted((a, b) => a.line - b.line || a.column - b.column),
  };
}

function definitionFrom(file: SweepFile): SweepDefinition {
  const { seeds } = file;
  return {
    name: file.name,
    models: file.models.map((model) => modelFrom(model, file)),
    harnesses: file.harnesses,
    tasks: file.tasks,
    seeds:
      typeof seeds === "number" ? Array.from({ length: seeds }, (_, index) => index + 1) : seeds,
    include: file.include,
    exclude: file.exclude,
    overrides: file.overrides.map(({ match, limits, sampling }) => ({
      match,
      limits: limitsFrom(limits),
      sampling: samplingFrom(sampling),
    })),
    limits: {
      wallSeconds: file.limits.wall_seconds,
      outputTokens: file.limits.output_tokens ?? 0,
      turns: file.limits.turns ?? 0,
    },
    sampling: samplingFrom(file.sampling),
    determinism: file.determinism,
    sandbox: file.sandbox,
    decoy: file.decoy,
    spendingCapUsd: file.spending?.cap_usd ?? null,
    maxAttempts: file.retries.max_attempts,
  };
}

function modelFrom(model: SweepFile["models"][number], file: SweepFile): ModelDefinition {
  const common = {
    contextTokens: model.context_tokens ?? file.context_tokens,
    sampling: samplingFrom(model.sampling),
  };
  if (model.kind === "hosted") {
    const { kind, name: label } = model;
    const hosted = hostedFrom(model);
    return { ...common, label, quant: null, kind, path: "", chatTemplatePath: null, hosted };
  }
  return {
    ...common,
    label: modelLabel(model),
    quant: model.quant ?? null,
    kind: model.kind,
    path: model.path,
    chatTemplatePath: model.kind === "gguf" ? (model.chat_template ?? null) : null,
    hosted: null,
  };
}

function hostedFrom(
  model: Extract<SweepFile["models"][number], { readonly kind: "hosted" }>,
): HostedModel {
  const { price, rate_limit: rateLimit } = model;
  return {
    api: model.api,
    url: model.url.replace(/\/+$/, ""),
    model: model.model,
    keyReference: model.key,
    price: {
      inputUsd: price.input_usd,
      // Without a price of its own a cached token costs what any other does.
      cachedInputUsd: price.cached_input_usd ?? price.input_usd,
      outputUsd: price.output_usd,
    },
    rateLimit: {
      requestsPerMinute: rateLimit.requests_per_minute,
      tokensPerMinute: rateLimit.tokens_per_minute ?? null,
    },
  };
}

// Settings are merged by spreading, so an absent one must be an absent key.

function samplingFrom(written: SweepFile["sampling"]): SamplingSettings {
  const { temperature, top_p: topP, top_k: topK, min_p: minP } = written;
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(minP === undefined ? {} : { minP }),
  };
}

function limitsFrom(written: SweepFile["overrides"][number]["limits"]): Override["limits"] {
  const { wall_seconds: wallSeconds, output_tokens: outputTokens, turns } = written;
  return {
    ...(wallSeconds === undefined ? {} : { wallSeconds }),
    ...(outputTokens === undefined ? {} : { outputTokens }),
    ...(turns === undefined ? {} : { turns }),
  };
}
