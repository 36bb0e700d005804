import { describe, expect, it } from "vitest";
import { parseArguments } from "../scripted-model/arguments.ts";
import { llamaArguments, llamaEnvironment } from "./llama-arguments.ts";

const model = {
  name: "Qwen@Q4",
  kind: "gguf",
  contextTokens: 8192,
  sampling: { temperature: 0 },
} as const;
const line = llamaArguments({ model, weightsPath: "/m.gguf", port: 9, slotFolder: "/s" });

describe("the pinned command line", () => {
  it("states the sampler, that of the sweep before the pinned one", () => {
    expect(line.join(" ")).toContain("--temp 0 --top-k 40 --top-p 0.95 --min-p 0.05");
  });

  it("is understood by the stand-in, which checks every flag", () => {
    expect(parseArguments(line)).toMatchObject({
      kind: "serve",
      options: { alias: "Qwen@Q4", port: 9, contextTokens: 8192, slots: 1, slotSavePath: "/s" },
    });
  });

  it("lets nothing be chosen by the machine or fetched from the network", () => {
    expect(line.join(" ")).toMatch(/-fit off.*-fa on.*--cache-ram 0.*--offline/);
  });
});

describe("the environment of a model server", () => {
  it("holds no setting of llama.cpp and no home of the user", () => {
    const environment = llamaEnvironment("/empty");
    expect(Object.keys(environment).filter((name) => name.startsWith("LLAMA"))).toEqual([]);
    expect(environment).toMatchObject({ HOME: "/empty", XDG_CONFIG_HOME: "/empty" });
  });
});
