import { describe, expect, it } from "vitest";
import { anthropicFrames } from "./anthropic.ts";
import type { Conversation } from "./conversation.ts";
import { openAiFrames } from "./openai.ts";
import { composeReply } from "./reply.ts";
import type { Turn } from "./turn.ts";

const conversation: Conversation = {
  opening: "",
  pastCalls: [],
  tools: [],
  seed: null,
  stream: true,
  maxTokens: null,
  promptTokens: 9,
};
const speed = { promptTokensPerSecond: 1000, tokensPerSecond: 100 };
const facts = { id: "chatcmpl-1", model: "m", createdAt: 5, speed };
const text: Turn = { kind: "text", text: "Hello there" };
const call: Turn = { kind: "call", call: { name: "bash", arguments: { command: "ls" } } };

describe("a reply", () => {
  it("is cut at the most tokens asked for", () => {
    const cut = composeReply(text, { ...conversation, maxTokens: 2 }, facts);
    expect(cut).toMatchObject({ pieces: ["Hell", "o th"], end: "length", outputTokens: 2 });
    expect(composeReply(text, { ...conversation, maxTokens: 4 }, facts)).toMatchObject({
      end: "stop",
      outputTokens: 4,
    });
  });

  it("streams on the OpenAI route with usage and timings in a chunk of their own if asked", () => {
    const frames = [...openAiFrames(composeReply(call, conversation, facts), "b", true)];
    const events = frames.slice(0, -1).map((frame) => JSON.parse(frame.text.slice(6)));
    expect(frames.at(-1)?.text).toBe("data: [DONE]\n\n");
    expect(events[0].choices[0].delta).toEqual({ role: "assistant", content: null });
    expect(events[1].choices[0].delta.tool_calls[0].function).toEqual({
      name: "bash",
      arguments: "",
    });
    const pieces = events
      .slice(2, -2)
      .map((e) => e.choices[0].delta.tool_calls[0].function.arguments);
    expect(JSON.parse(pieces.join(""))).toEqual({ command: "ls" });
    expect(events.at(-2).choices[0].finish_reason).toBe("tool_calls");
    expect(events.at(-2).timings).toBeUndefined();
    expect(events.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 9, completion_tokens: 5 },
      timings: { prompt_ms: 9, predicted_ms: 50 },
    });
  });

  it("carries timings with the finish reason if usage was not asked for", () => {
    const frames = [...openAiFrames(composeReply(text, conversation, facts), "b", false)];
    expect(JSON.parse(frames.at(-2)!.text.slice(6))).toMatchObject({
      choices: [{ finish_reason: "stop" }],
      timings: { predicted_n: 4 },
    });
  });

  it("streams on the Anthropic route in llama-server's order", () => {
    const frames = [...anthropicFrames(composeReply(text, conversation, facts))];
    expect(frames.map((frame) => /^event: (\w+)/.exec(frame.text)?.[1])).toEqual([
      "message_start",
      "content_block_start",
      "content_block_delta",
      "content_block_delta",
      "content_block_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    expect(frames.at(-2)?.text).toContain('"output_tokens":4');
  });
});
