import { z } from "zod";
import { type Conversation, estimateTokens, normalizeSeed, readTool } from "./conversation.ts";
import type { Frame, Reply } from "./reply.ts";

const blockSchema = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  name: z.string().optional(),
  id: z.string().optional(),
  tool_use_id: z.string().optional(),
  is_error: z.boolean().nullish(),
});
const contentSchema = z.union([z.string(), z.array(blockSchema)]);

const bodySchema = z.looseObject({
  system: contentSchema.nullish(),
  messages: z.array(z.looseObject({ role: z.string(), content: contentSchema })),
  tools: z.array(z.looseObject({ name: z.string(), input_schema: z.unknown() })).nullish(),
  stream: z.boolean().nullish(),
  seed: z.number().nullish(),
  max_tokens: z.number().nullish(),
});

/** Body of POST /v1/messages as far as the stand-in reads it. */
export type AnthropicBody = z.infer<typeof bodySchema>;

/** Checks a body; a ZodError says what is wrong with it. */
export const readAnthropicBody = (body: unknown) => bodySchema.safeParse(body);

/**
 * Reduces a body to what decides the next turn. `seed` is no field of this route and llama-server
 * drops it; the stand-in reads it, so that runs can differ by seed without a start for each.
 */
export function anthropicConversation(body: AnthropicBody): Conversation {
  const firstTurn = body.messages.findIndex((message) => message.role === "assistant");
  const opening = body.messages.slice(0, firstTurn === -1 ? undefined : firstTurn);
  const blocks = body.messages.flatMap((message) => blocksOf(message.content));
  const failures = new Set(
    blocks.flatMap((block) => (block.is_error === true ? [block.tool_use_id] : [])),
  );
  return {
    opening: [body.system ?? "", ...opening.map((message) => message.content)]
      .flatMap(blocksOf)
      .map((block) => block.text ?? "")
      .join("\n"),
    pastCalls: blocks
      .filter((block) => block.type === "tool_use")
      .map((block) => ({ tool: block.name ?? "", failed: failures.has(block.id) })),
    tools: (body.tools ?? []).map((tool) => readTool(tool.name, tool.input_schema)),
    seed: normalizeSeed(body.seed),
    stream: body.stream === true,
    maxTokens: body.max_tokens ?? 4096,
    promptTokens: estimateTokens(JSON.stringify([body.system, body.messages, body.tools ?? []])),
  };
}

function blocksOf(content: z.infer<typeof contentSchema>): readonly z.infer<typeof blockSchema>[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : content;
}

const stopReasons = { stop: "end_turn", call: "tool_use", length: "max_tokens" } as const;

/** The whole answer as one JSON value. */
export function anthropicResponse(reply: Reply): object {
  const text = reply.pieces.join("");
  const block =
    reply.turn.kind === "text"
      ? { type: "text", text }
      : {
          type: "tool_use",
          id: callId(reply),
          name: reply.turn.call.name,
          input: reply.end === "length" ? {} : reply.turn.call.arguments,
        };
  return {
    ...envelope(reply),
    content: [block],
    stop_reason: stopReasons[reply.end],
    usage: { ...inputUsage(reply), output_tokens: reply.outputTokens },
  };
}

/** The answer as server-sent events, in llama-server's order; no ping and no [DONE]. */
export function* anthropicFrames(reply: Reply): Generator<Frame> {
  const usage = { ...inputUsage(reply), output_tokens: 0 };
  yield frame("message_start", {
    message: { ...envelope(reply), content: [], stop_reason: null, usage },
  });
  const isText = reply.turn.kind === "text";
  const block =
    reply.turn.kind === "text"
      ? { type: "text", text: "" }
      : { type: "tool_use", id: callId(reply), name: reply.turn.call.name };
  yield frame("content_block_start", { index: 0, content_block: block });
  for (const piece of reply.pieces) {
    const delta = isText
      ? { type: "text_delta", text: piece }
      : { type: "input_json_delta", partial_json: piece };
    yield frame("content_block_delta", { index: 0, delta }, 1);
  }
  yield frame("content_block_stop", { index: 0 });
  yield frame(
    "message_delta",
    {
      delta: { stop_reason: stopReasons[reply.end], stop_sequence: null },
      usage: { output_tokens: reply.outputTokens },
    },
    1,
  );
  yield frame("message_stop", {});
}

function frame(type: string, fields: object, tokens = 0): Frame {
  const data = JSON.stringify({ type, ...fields });
  return { text: `event: ${type}\ndata: ${data}\n\n`, tokens };
}

const callId = (reply: Reply): string => `call_${reply.id}`;

function envelope(reply: Reply): object {
  const { id, model } = reply;
  return { id, type: "message", role: "assistant", model, stop_sequence: null };
}

function inputUsage(reply: Reply): object {
  return { cache_read_input_tokens: 0, input_tokens: reply.promptTokens };
}
