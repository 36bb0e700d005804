/** Longest line of a stream that is read; a longer one passes through unread. */
export const maxLineBytes = 1024 * 1024;
/** Longest whole answer that is read. */
export const maxWholeBytes = 8 * 1024 * 1024;

/** Reads along while an answer passes through. Holds no more than the bounds above, however long it is. */
export interface AnswerReader {
  push(chunk: Buffer): void;
  /** Says that the answer has ended; a whole answer is read only then. */
  end(): void;
  /** Bytes held at this moment. */
  bufferedBytes(): number;
}

/** Hands each JSON value of an answer to `onMessage`: the data of each event, or the one whole body. */
export function readAnswer(
  contentType: string | undefined,
  onMessage: (message: unknown) => void,
): AnswerReader {
  return contentType?.startsWith("text/event-stream") === true
    ? readEvents(onMessage)
    : readWhole(onMessage);
}

function readEvents(onMessage: (message: unknown) => void): AnswerReader {
  const line = boundedBuffer(maxLineBytes);
  const finishLine = () => {
    const text = line.take();
    if (text?.startsWith("data:")) parseInto(text.slice("data:".length), onMessage);
  };
  return {
    push(chunk) {
      let start = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        line.append(chunk.subarray(start, end));
        finishLine();
        start = end + 1;
      }
      line.append(chunk.subarray(start));
    },
    end: finishLine,
    bufferedBytes: line.bytes,
  };
}

function readWhole(onMessage: (message: unknown) => void): AnswerReader {
  const body = boundedBuffer(maxWholeBytes);
  return {
    push: (chunk) => body.append(chunk),
    end: () => parseInto(body.take() ?? "", onMessage),
    bufferedBytes: body.bytes,
  };
}

/** Collects up to `most` bytes; beyond, it drops what it holds and answers null. */
function boundedBuffer(most: number) {
  let chunks: Buffer[] = [];
  let bytes = 0;
  let over = false;
  return {
    append(chunk: Buffer): void {
      over ||= bytes + chunk.length > most;
      if (over) {
        chunks = [];
        bytes = 0;
      } else if (chunk.length > 0) {
        chunks.push(chunk);
        bytes += chunk.length;
      }
    },
    /** The text so far, null if it was too long; starts anew. */
    take(): string | null {
      const text = over ? null : Buffer.concat(chunks).toString("utf8");
      chunks = [];
      bytes = 0;
      over = false;
      return text;
    },
    bytes: () => bytes,
  };
}

/** Text that is no JSON (`[DONE]`, a broken answer) says nothing of tokens. */
function parseInto(text: string, onMessage: (message: unknown) => void): void {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return;
  }
  onMessage(message);
}
