import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { ServedModel } from "./llama-arguments.ts";

const modelListSchema = z.object({ data: z.array(z.object({ id: z.string() })).min(1) });
const propertiesSchema = z.object({
  build_info: z.string(),
  default_generation_settings: z.object({ n_ctx: z.int() }),
});

/** What a server that answers is. */
export type Introduction =
  | { readonly kind: "ours"; readonly build: string }
  /** Another program took the port between choosing and binding it. */
  | { readonly kind: "stranger"; readonly alias: string }
  | { readonly kind: "wrong_context"; readonly contextTokens: number };

/** Polls /health until it is 200. Rejects with the signal's reason. */
export async function untilHealthy(baseUrl: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const status = await fetch(`${baseUrl}/health`, { signal }).then(
      async (response) => {
        await response.body?.cancel();
        return response.status;
      },
      () => 0,
    );
    if (status === 200) return;
    await delay(25, undefined, { signal });
  }
}

/** Asks a healthy server for its alias, build and context. Throws when it does not answer in llama-server's form. */
export async function introduce(
  baseUrl: string,
  model: ServedModel,
  signal: AbortSignal,
): Promise<Introduction> {
  const list = modelListSchema.parse(await getJson(`${baseUrl}/v1/models`, signal));
  const alias = list.data[0]?.id ?? "";
  if (alias !== model.name) return { kind: "stranger", alias };
  const properties = propertiesSchema.parse(await getJson(`${baseUrl}/props`, signal));
  const contextTokens = properties.default_generation_settings.n_ctx;
  // The server rounds a slot's context up to a multiple of 256.
  if (model.contextTokens > 0 && contextTokens < model.contextTokens)
    return { kind: "wrong_context", contextTokens };
  return { kind: "ours", build: properties.build_info };
}

async function getJson(url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { signal });
  const body: unknown = await response.json();
  return body;
}
