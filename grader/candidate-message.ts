import { z } from "zod";

/** What a judge may ask for at most, whatever its task says. */
const candidateCeilings = {
  seconds: 600,
  memoryBytes: 16 * 1024 ** 3,
  answerBytes: 64 * 1024 ** 2,
  fileBytes: 1024 ** 3,
};

const base64 = z.base64().transform((text) => Buffer.from(text, "base64"));
const amount = (most: number) => z.number().positive().max(most);

/**
 * A line from a judge: start a candidate, send something to its standard input, end that input. The
 * other side is `candidates.py` of each task; docs/grading.md has the protocol.
 */
export const judgeMessageSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("start"),
    /** Program and arguments as the candidate sees them. */
    command: z.tuple([z.string()], z.string()),
    /** Path as the candidate sees it. */
    folder: z.string(),
    environment: z.record(z.string(), z.string()),
    /** The beginning of its standard input. */
    input: base64,
    limits: z.strictObject({
      /** Wall time. */
      seconds: amount(candidateCeilings.seconds),
      /** Memory of all its processes together. */
      memoryBytes: amount(candidateCeilings.memoryBytes),
      answerBytes: amount(candidateCeilings.answerBytes),
      fileBytes: amount(candidateCeilings.fileBytes),
    }),
  }),
  z.strictObject({ kind: z.literal("send"), data: base64 }),
  z.strictObject({ kind: z.literal("close") }),
]);

/** See {@link judgeMessageSchema}. */
export type JudgeMessage = z.infer<typeof judgeMessageSchema>;

/** What a candidate is started with. */
export type CandidateStart = Extract<JudgeMessage, { kind: "start" }>;

/** A line to a judge: a part of the candidate's answer, or how the candidate ended. */
export type GraderMessage =
  | { readonly kind: "answer"; readonly data: string }
  | {
      readonly kind: "ended";
      /** The rest of a sentence about the program; null if it exited with status 0 within all limits. */
      readonly fault: string | null;
      /** End of its standard error. */
      readonly errors: string;
    };

/** A message as the line that travels. */
export function graderLine(message: GraderMessage): string {
  return `${JSON.stringify(message)}\n`;
}
