import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import { z } from "zod";
import { isFolder } from "../proto/task/task-folder.ts";

/** What a task is checked with: see {@link TaskVariant}. */
export type VariantKind = "untouched" | "solution" | "right" | "wrong";

/** One workspace whose verdict is known before it is graded. */
export interface TaskVariant {
  readonly kind: VariantKind;
  /** The folder's name; the kind itself where there is only one. */
  readonly name: string;
  /** Laid over the untouched workspace; null for the untouched one and for the one that `solve.sh` makes. */
  readonly folder: string | null;
  readonly expected: "passed" | "failed";
  /** Checks that must fail, by the mistake in a wrong variant. */
  readonly caughtBy: readonly string[];
}

/** `solution/variants.toml` and its folders do not fit each other; the message names file, field and what was found. */
export class TaskVariantsError extends Error {
  override readonly name = "TaskVariantsError";
}

const variantsSchema = z.strictObject({
  /** Right solutions beside the reference, by folder in `solution/right`. */
  right: z.record(z.string(), z.strictObject({ approach: z.string().min(1) })).default({}),
  /** Wrong ones, by folder in `solution/wrong`. */
  wrong: z
    .record(
      z.string(),
      z.strictObject({
        mistake: z.string().min(1),
        caught_by: z.array(z.string().min(1)).min(1),
      }),
    )
    .default({}),
});

/**
 * The variants of a task in the order in which they are checked: untouched, reference, right, wrong.
 * A task without `solution/variants.toml` has the first two.
 * @throws TaskVariantsError
 */
export async function readVariants(taskFolder: string): Promise<TaskVariant[]> {
  const file = join(taskFolder, "solution", "variants.toml");
  const { right, wrong } = await readFileOfVariants(file);
  await requireSameNames(file, "right", Object.keys(right), join(taskFolder, "solution", "right"));
  await requireSameNames(file, "wrong", Object.keys(wrong), join(taskFolder, "solution", "wrong"));
  const folderOf = (kind: VariantKind, name: string) => join(taskFolder, "solution", kind, name);
  return [
    variant("untouched", "untouched", null, "failed"),
    variant("solution", "solution", null, "passed"),
    ...Object.keys(right).map((name) => variant("right", name, folderOf("right", name), "passed")),
    ...Object.entries(wrong).map(([name, { caught_by }]) => ({
      ...variant("wrong", name, folderOf("wrong", name), "failed"),
      caughtBy: caught_by,
    })),
  ];
}

function variant(
  kind: VariantKind,
  name: string,
  folder: string | null,
  expected: TaskVariant["expected"],
): TaskVariant {
  return { kind, name, folder, expected, caughtBy: [] };
}

async function readFileOfVariants(file: string): Promise<z.infer<typeof variantsSchema>> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch {
    return { right: {}, wrong: {} };
  }
  let value: unknown;
  try {
    value = parseToml(text);
  } catch (cause) {
    const place = cause instanceof TomlError ? `:${cause.line}:${cause.column}` : "";
    throw new TaskVariantsError(`${file}${place} is no TOML`, { cause });
  }
  const parsed = variantsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new TaskVariantsError(
    `${file}: ${problems.join("; ")}; accepted: [right.NAME] with approach, [wrong.NAME] with mistake and caught_by`,
  );
}

async function requireSameNames(
  file: string,
  kind: "right" | "wrong",
  named: readonly string[],
  folder: string,
): Promise<void> {
  const found = (await isFolder(folder))
    ? (await readdir(folder, { withFileTypes: true }))
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
    : [];
  for (const name of named) {
    if (!found.includes(name)) {
      throw new TaskVariantsError(`${file}: ${kind}.${name} has no folder ${join(folder, name)}`);
    }
  }
  for (const name of found) {
    if (!named.includes(name)) {
      throw new TaskVariantsError(`${file}: the folder ${join(folder, name)} is not described`);
    }
  }
}
