import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../proto/package-root.ts";
import { sweepFileJsonSchema } from "./json-schema.ts";

writeFileSync(
  join(packageRoot, "deploy", "sweep.schema.json"),
  `${JSON.stringify(sweepFileJsonSchema(), null, 2)}\n`,
);
