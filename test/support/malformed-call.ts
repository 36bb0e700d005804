/** Identifier of the call in a {@link malformedCall}. */
export const malformedCallId = "call_malformed";

/** Arguments that end in the middle, as small models' sometimes do. */
const argumentsText = '{"path": "answer.txt", "file_path": "/workspace/answer.txt", "cont';

/**
 * A streamed answer, in the protocol of the route `path`, that calls the harness's tool for writing a
 * file with arguments that are no JSON.
 */
export function malformedCall(path: string): string {
  return path.startsWith("/v1/messages") ? anthropicCall() : openAiCall();
}

function openAiCall(): string {
  const chunk = (delta: object, finish: string | null = null): string =>
    `data: ${JSON.stringify({
      id: "chatcmpl-malformed",
      object: "chat.completion.chunk",
      created: 0,
      model: "scripted",
      choices: [{ index: 0, delta, finish_reason: finish }],
    })}\n\n`;
  const call = (part: object): string => chunk({ tool_calls: [{ index: 0, ...part }] });
  return [
    chunk({ role: "assistant", content: null }),
    call({ id: malformedCallId, type: "function", function: { name: "write", arguments: "" } }),
    call({ function: { arguments: argumentsText } }),
    chunk({}, "tool_calls"),
    "data: [DONE]\n\n",
  ].join("");
}

function anthropicCall(): string {
  const events = [
    {
      type: "message_start",
      message: {
        id: "msg_malformed",
        type: "message",
        role: "assistant",
        model: "scripted",
        content: [],
        stop_reason: null,
        usage: { input_tokens: 1, output_tokens: 1 },
      },
    },
    {
      type: "content_block_start",
      index: 0,
      content_block: { type: "tool_use", id: malformedCallId, name: "Write", input: {} },
    },
    {
      type: "content_block_delta",
      index: 0,
      delta: { type: "input_json_delta", partial_json: argumentsText },
    },
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 1 } },
    { type: "message_stop" },
  ];
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
}
