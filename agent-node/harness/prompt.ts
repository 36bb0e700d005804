/** Linux refuses a longer argument: 32 pages of 4 KiB with its terminating zero. */
const maxArgumentBytes = 32 * 4_096 - 2;

/** An instruction cannot be handed over. */
export class InstructionTooLongError extends Error {
  override readonly name = "InstructionTooLongError";
  constructor(bytes: number) {
    super(
      `the instruction has ${bytes} bytes, a harness can be given ${maxArgumentBytes}; ` +
        "move the longer part of the task's instruction.md into a file of its workspace",
    );
  }
}

/**
 * An instruction as the argument of a harness. Harnesses take a first character of their own for an
 * option, the name of a file or a command; an empty line before it makes it text again.
 *
 * @throws InstructionTooLongError
 */
export function promptArgument(instruction: string): string {
  const bytes = Buffer.byteLength(instruction);
  if (bytes > maxArgumentBytes) throw new InstructionTooLongError(bytes);
  return /^[-@/!#]/.test(instruction) ? `\n${instruction}` : instruction;
}
