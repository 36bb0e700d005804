import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import Table from "cli-table3";
import type { Output } from "./context.ts";
import { safeJson, safeLine } from "./safe-text.ts";

/** What stands in a cell of a table; undefined and null are printed as `-`. */
export type Value = string | number | bigint | undefined | null;

/** Lines without colours and frames, columns two blanks apart, numbers to the right. */
export function formatTable(head: readonly string[], rows: readonly (readonly Value[])[]): string {
  const noFrame = Object.fromEntries(frameParts.map((part) => [part, ""]));
  const table = new Table({
    head: [...head],
    chars: { ...noFrame, middle: "  " },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
    colAligns: head.map((_, column) =>
      rows.some((row) => isNumeric(row[column])) && rows.every((row) => !isWord(row[column]))
        ? "right"
        : "left",
    ),
  });
  table.push(...rows.map((row) => row.map(formatValue)));
  return `${table.toString().replace(/ +$/gm, "")}\n`;
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

const frameParts = [
  "top",
  "top-mid",
  "top-left",
  "top-right",
  "bottom",
  "bottom-mid",
  "bottom-left",
  "bottom-right",
  "left",
  "left-mid",
  "mid",
  "mid-mid",
  "right",
  "right-mid",
] as const;

function formatValue(value: Value): string {
  return value === undefined || value === null || value === "" ? "-" : safeLine(String(value));
}

function isNumeric(value: Value): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

function isWord(value: Value): boolean {
  return typeof value === "string" && value !== "" && !/^[\d.,\s%[\]/-]+(?: s)?$/.test(value);
}
