import { pinnedSampling, type Sampling } from "../sampling.ts";

/** What a model server is started for. */
export interface ServedModel {
  /** The model-quant's name; becomes the server's alias. No comma, which would make two aliases of it. */
  readonly name: string;
  readonly kind: "gguf" | "scripted";
  /** Context of the one slot, in tokens; 0 takes the model's own. */
  readonly contextTokens: number;
  readonly sampling: Sampling;
}

/**
 * The pinned command line of a measured run, without the program. Everything that llama-server would
 * choose by the machine, by the model's metadata or by a configuration file is stated: one slot, no
 * fitting to memory, no host copies of prompts (a restored copy changes the text of a later run).
 * `--sse-ping-interval` bounds how long a stop waits for a client that stays connected.
 */
export function llamaArguments(options: {
  readonly model: ServedModel;
  readonly weightsPath: string;
  readonly port: number;
  /** An existing folder; without one the server refuses to erase its slot. */
  readonly slotFolder: string;
}): readonly string[] {
  const { model, weightsPath, port, slotFolder } = options;
  const sampling = { ...pinnedSampling, ...model.sampling };
  return [
    ["-m", weightsPath, "--alias", model.name],
    ["--host", "127.0.0.1", "--port", String(port), "--no-ui"],
    ["-c", String(model.contextTokens), "-np", "1", "-ngl", "all", "-fit", "off"],
    ["-fa", "on", "-ctk", "f16", "-ctv", "f16", "-b", "2048", "-ub", "512"],
    ["--temp", String(sampling.temperature), "--top-k", String(sampling.topK)],
    ["--top-p", String(sampling.topP), "--min-p", String(sampling.minP)],
    ["--repeat-penalty", "1.0", "--cache-ram", "0", "--slot-save-path", slotFolder],
    ["--metrics", "--sse-ping-interval", "5", "--offline", "-lv", "4"],
  ].flat();
}

/**
 * The whole environment of a model server. Nothing is inherited, since `LLAMA_ARG_*` and
 * `LLAMA_API_KEY` change a server silently, and so does a user's `config.ini`: `emptyFolder` stands
 * for both homes. Metal keeps weights wired for only three minutes by itself; an agent's tools may
 * run longer.
 */
export function llamaEnvironment(emptyFolder: string): Readonly<Record<string, string>> {
  return {
    PATH: "/usr/bin:/bin:/usr/sbin:/sbin",
    LANG: "C.UTF-8",
    HOME: emptyFolder,
    XDG_CONFIG_HOME: emptyFolder,
    TMPDIR: emptyFolder,
    GGML_METAL_RESIDENCY_KEEP_ALIVE_S: "86400",
  };
}
