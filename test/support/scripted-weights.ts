import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { aFolder } from "./folder.ts";

/**
 * Weights of a scripted model with one task, recognised by "the one known task" and solved by
 * writing `answer.txt`; `lines` are appended to the weights file. Answers the file's path.
 */
export function scriptedWeights(lines = "skill: { default: { right: 1, stall: 0 } }"): string {
  const folder = aFolder();
  const files = {
    "model.yaml": `format: harness-sweep/scripted-model/1\nanswers: answers\n${lines}\n`,
    "answers/known/answer.yaml": "recognise: the one known task\n",
    "answers/known/right/answer.txt": "right\n",
    "answers/known/wrong/answer.txt": "wrong\n",
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return join(folder, "model.yaml");
}
