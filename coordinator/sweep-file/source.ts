import { isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";

/** A place in a parsed file: keys and indices from the top. */
export type Path = readonly (string | number)[];

/** Line and column, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A YAML file with what is needed to point into it. */
export interface YamlSource {
  /** The file's content as plain values. */
  readonly value: unknown;
  /** What is wrong with the file as YAML, duplicate keys included. Then `value` means nothing. */
  readonly faults: readonly { readonly position: Position; readonly message: string }[];
  /** Where the value at `path` begins, or the nearest enclosing one if there is none. */
  positionOf(path: Path): Position;
  /** Where `key` of the mapping at `path` is written. */
  positionOfKey(path: Path, key: string): Position;
}

/** Parses one YAML document. Never throws: what is wrong is in `faults`. */
export function parseYaml(text: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // Warnings are reported with the errors; the library would also print some by itself.
    logLevel: "error",
  });

  function positionAt(offset: number): Position {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  function positionOf(path: Path): Position {
    for (let length = path.length; length >= 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return positionAt(node.range[0]);
    }
    return { line: 1, column: 1 };
  }

  function positionOfKey(path: Path, key: string): Position {
    const node = path.length === 0 ? document.contents : document.getIn(path, true);
    const pair = isMap(node)
      ? node.items.find(({ key: found }) => isScalar(found) && String(found.value) === key)
      : undefined;
    return isScalar(pair?.key) && pair.key.range ? positionAt(pair.key.range[0]) : positionOf(path);
  }

  const faults = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    position: positionAt(pos[0]),
    message,
  }));
  return { ...valueOf(), positionOf, positionOfKey };

  function valueOf(): Pick<YamlSource, "value" | "faults"> {
    if (faults.length > 0) return { value: undefined, faults };
    try {
      return { value: document.toJS(), faults };
    } catch (error) {
      // Aliases that expand without bound, or that name no anchor.
      const message = error instanceof Error ? error.message : String(error);
      return { value: undefined, faults: [{ position: { line: 1, column: 1 }, message }] };
    }
  }
}
