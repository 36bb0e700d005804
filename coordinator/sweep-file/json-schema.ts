import { z } from "zod";
import { harnessNames } from "../../proto/harness-names.ts";
import { sweepFileSchema } from "./schema.ts";

/**
 * The JSON Schema of sweep files for editors (`# yaml-language-server: $schema=…`), in draft 7, which
 * is what their YAML support understands. Kept in `deploy/sweep.schema.json`; `npm run
 * generate:json-schema` writes it anew.
 */
export function sweepFileJsonSchema(): Record<string, unknown> {
  return {
    title: "harness-sweep: a sweep file",
    ...z.toJSONSchema(sweepFileSchema(harnessNames), { io: "input", target: "draft-7" }),
  };
}
