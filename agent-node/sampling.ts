/** Sampler settings of a sweep; what is absent stays at {@link pinnedSampling}. */
export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
}

/**
 * llama-server's own defaults, stated on every command line: a GGUF file may carry other ones in its
 * metadata, which would then differ from model to model.
 */
export const pinnedSampling: Required<Sampling> = {
  temperature: 0.8,
  topP: 0.95,
  topK: 40,
  minP: 0.05,
};
