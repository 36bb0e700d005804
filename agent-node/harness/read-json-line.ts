import { z } from "zod";
import type { TraceEventBody } from "../../proto/trace-event.ts";

/** Longest name of a tool, and identifier of a call, in an event; both are a model's text. */
const maxNameLength = 200;

/** Any object with a type; comes last in a union, where it stands for all that is not read further. */
export const otherObject = z
  .looseObject({ type: z.string() })
  .transform((object) => ({ type: "other" as const, object }));

/** A line of JSON that `schema` accepts; null for any other line. */
export function readJsonLine<Line>(schema: z.ZodType<Line>, line: string): Line | null {
  if (!line.startsWith("{")) return null;
  try {
    return schema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}

/** A line as it is; none for an empty one. */
export function rawLine(stream: "stdout" | "stderr", line: string): readonly TraceEventBody[] {
  return line.trim() === "" ? [] : [{ kind: "output", stream, text: line }];
}

/** A tool call. `input` is what the model gave as arguments. */
export function toolCall(callId: string, tool: string, input: unknown): TraceEventBody {
  return {
    kind: "tool_call",
    callId: shortName(callId),
    tool: shortName(tool),
    input: JSON.stringify(input) ?? "",
  };
}

/** What a tool answered. */
export function toolResult(callId: string, isError: boolean, text: string): TraceEventBody {
  return { kind: "tool_result", callId: shortName(callId), isError, text };
}

function shortName(name: string): string {
  if (name.length <= maxNameLength) return name;
  return `${name.slice(0, maxNameLength)} [${name.length - maxNameLength} more characters]`;
}
