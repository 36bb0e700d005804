import { anthropic } from "./anthropic.ts";
import type { Dialect } from "./dialect.ts";
import { openAi } from "./openai.ts";

/** What the gateway does with a request. */
export type Route =
  /** Asks the model: injected, counted, limited. */
  | { readonly kind: "generate"; readonly dialect: Dialect; readonly isAnthropic: boolean }
  /** Passed on as it is. */
  | { readonly kind: "pass"; readonly dialect: Dialect }
  /** A sign of life, answered by the gateway itself. */
  | { readonly kind: "probe" }
  | { readonly kind: "unknown"; readonly dialect: Dialect };

/** Finds the route of a request. `path` is without the query. */
export function findRoute(request: {
  readonly method: string;
  readonly path: string;
  /** Whether the client speaks the Anthropic dialect by its `anthropic-version` header. */
  readonly speaksAnthropic: boolean;
}): Route {
  const { method, path, speaksAnthropic } = request;
  if (method === "HEAD") return { kind: "probe" };
  switch (`${method} ${path}`) {
    case "POST /v1/chat/completions":
      return { kind: "generate", dialect: openAi, isAnthropic: false };
    case "POST /v1/messages":
      return { kind: "generate", dialect: anthropic, isAnthropic: true };
    case "POST /v1/messages/count_tokens":
      return { kind: "pass", dialect: anthropic };
    case "GET /v1/models":
      return { kind: "pass", dialect: speaksAnthropic ? anthropic : openAi };
    default: {
      const isAnthropic = speaksAnthropic || path.startsWith("/v1/messages");
      return { kind: "unknown", dialect: isAnthropic ? anthropic : openAi };
    }
  }
}
