/**
 * Text as Postgres can hold it: without NUL bytes and lone surrogates, both of which the output of
 * tools has. Each is replaced by U+FFFD, so that the place stays visible.
 */
export function storableText(text: string): string {
  return text.replaceAll("\0", "\uFFFD").toWellFormed();
}
