import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import stringWidth from "string-width";
import type { Output } from "./context.ts";
import { safeJson, safeLine } from "./safe-text.ts";

/** What stands in a cell of a table; undefined and null are printed as `-`. */
export type Value = string | number | bigint | undefined | null;

/** Lines without colours and frames, columns two blanks apart, numbers to the right. */
export function formatTable(head: readonly string[], rows: readonly (readonly Value[])[]): string {
  const cells = [head, ...rows.map((row) => row.map(formatValue))];
  const columns = head.map((_, column) => ({
    width: cells.reduce((widest, row) => Math.max(widest, stringWidth(row[column] ?? "")), 0),
    toTheRight:
      rows.some((row) => isNumeric(row[column])) && !rows.some((row) => isWord(row[column])),
  }));
  const lines = cells.map((row) =>
    columns
      .map(({ width, toTheRight }, column) => {
        const cell = row[column] ?? "";
        const padding = " ".repeat(width - stringWidth(cell));
        return toTheRight ? padding + cell : cell + padding;
      })
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

/** A response as JSON, as protobuf defines it: 64-bit numbers as text, names in camel case. */
export function printJson<Schema extends DescMessage>(
  output: Output,
  schema: Schema,
  message: MessageShape<Schema>,
): void {
  output.write(`${safeJson(toJson(schema, message, { alwaysEmitImplicit: true }), 2)}\n`);
}

/** The same on one line, for streams. */
export function printJsonLine<Schema extends DescMessage>(
  output: Output,
  schema: Schema,
  message: MessageShape<Schema>,
): void {
  output.write(`${safeJson(toJson(schema, message, { alwaysEmitImplicit: true }))}\n`);
}

/** Seconds for people: `8.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function formatValue(value: Value): string {
  return value === undefined || value === null || value === "" ? "-" : safeLine(String(value));
}

function isNumeric(value: Value): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

function isWord(value: Value): boolean {
  return typeof value === "string" && value !== "" && !/^[\d.,\s%[\]/-]+(?: s)?$/.test(value);
}
