import { describe, expect, it } from "vitest";
import { anthropic } from "./anthropic.ts";
import type { Dialect } from "./dialect.ts";
import { openAi } from "./openai.ts";

const counted = (dialect: Dialect, messages: readonly unknown[]) => {
  const counter = dialect.counter();
  for (const message of messages) counter.add(message);
  return counter.counts();
};
const sampling = { temperature: 0.5, topP: 0.9, topK: 20, minP: 0.1 };

describe("the OpenAI dialect", () => {
  const piece = { choices: [{ delta: { content: "a" } }] };
  const usage = {
    prompt_tokens: 10,
    completion_tokens: 7,
    prompt_tokens_details: { cached_tokens: 4 },
  };

  it("puts seed and sampling in the place of what the harness had chosen", () => {
    const body = { seed: 1, temperature: 2, messages: [] };
    expect(openAi.inject(body, { seed: 9, sampling })).toEqual({
      messages: [],
      seed: 9,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 20,
      min_p: 0.1,
    });
    expect(openAi.inject(body, { seed: 9, sampling: {} })).toEqual({ ...body, seed: 9 });
  });

  const timings = { cache_n: 4, prompt_n: 6, predicted_n: 7 };
  it.each([
    ["usage of a stream", [piece, { choices: [], usage, timings }]],
    ["usage of a whole answer", [{ choices: [{ message: {} }], usage }]],
    ["timings of a stream without usage", [piece, { choices: [{ delta: {} }], timings }]],
  ])("counts by %s", (_name, messages) => {
    const counts = { inputTokens: 10, cachedTokens: 4, outputTokens: 7 };
    expect(counted(openAi, messages)).toEqual(counts);
  });

  it("counts the pieces of a stream that was cut", () => {
    const call = { choices: [{ delta: { tool_calls: [{ index: 0 }] } }] };
    const role = { choices: [{ delta: { role: "assistant", content: null } }] };
    expect(counted(openAi, [role, piece, call, "noise", null])).toEqual({
      inputTokens: 0,
      cachedTokens: 0,
      outputTokens: 2,
    });
  });
});

describe("the Anthropic dialect", () => {
  const start = {
    type: "message_start",
    message: { usage: { input_tokens: 6, cache_read_input_tokens: 4, output_tokens: 1 } },
  };
  const delta = { type: "content_block_delta", delta: { type: "text_delta", text: "a" } };

  it("leaves out what the route has no place for", () => {
    expect(anthropic.inject({ messages: [] }, { seed: null, sampling })).toEqual({
      messages: [],
      temperature: 0.5,
      top_p: 0.9,
      top_k: 20,
    });
    expect(anthropic.inject({ seed: 1 }, { seed: 9, sampling: {} })).toEqual({ seed: 9 });
  });

  it("counts by message_start and message_delta", () => {
    const end = { type: "message_delta", usage: { output_tokens: 7 } };
    expect(counted(anthropic, [start, delta, end, { type: "message_stop" }])).toEqual({
      inputTokens: 10,
      cachedTokens: 4,
      outputTokens: 7,
    });
  });

  it("counts a whole answer", () => {
    const usage = { input_tokens: 10, output_tokens: 7 };
    expect(counted(anthropic, [{ type: "message", usage }])).toEqual({
      inputTokens: 10,
      cachedTokens: 0,
      outputTokens: 7,
    });
  });

  it("counts the pieces of a stream that was cut", () => {
    expect(counted(anthropic, [start, delta, delta])).toEqual({
      inputTokens: 10,
      cachedTokens: 4,
      outputTokens: 2,
    });
  });

  it("words errors as Anthropic does", () => {
    expect(anthropic.errorBody(400, "no")).toEqual({
      type: "error",
      error: { type: "invalid_request_error", message: "no" },
    });
    expect(openAi.errorBody(502, "no")).toEqual({
      error: { code: 502, message: "no", type: "server_error" },
    });
  });
});
