import { describe, expect, it } from "vitest";
import { explainStartFailure } from "./start-failure.ts";

const exit = { code: 1, signal: null };
const last = "0.00.1 E srv  main: exiting due to model loading error";
const general = "error loading model: llama_model_loader: failed to load model from /m.gguf";

describe("a server that did not start", () => {
  it.each([
    ["error: invalid argument: --draft-max", "configuration"],
    ["I using config file: /root/.config/llama.cpp/config.ini", "configuration"],
    ["tensor 'X' data is not within the file bounds, model is corrupted or incomplete", "model"],
    ["gguf_init_from_reader: failed to read magic", "model"],
    ["failed to open GGUF file 'a-00002-of-00002.gguf'", "model"],
    ["invalid split file name: a.gguf", "model"],
    ["unknown model architecture: 'x'", "model"],
    ["failed to initialize the context: failed to allocate buffer for kv cache", "node"],
  ])("is explained by %j rather than by the general line", (line, fault) => {
    expect(explainStartFailure(exit, [general, line, last])).toEqual({
      kind: "fault",
      fault,
      reason: expect.stringContaining(line),
    });
  });

  it("has found its port taken", () => {
    const line = "couldn't bind HTTP server socket, hostname: 127.0.0.1, port: 8080";
    expect(explainStartFailure(exit, [line])).toEqual({ kind: "port_taken" });
  });

  it("is the model's fault when only the general line is there", () => {
    expect(explainStartFailure(exit, [general, last])).toMatchObject({ fault: "model" });
  });

  it("is the node's fault when nothing explains its end", () => {
    expect(explainStartFailure({ code: null, signal: "SIGABRT" }, ["a", "b"])).toEqual({
      kind: "fault",
      fault: "node",
      reason: "ended with signal SIGABRT (b)",
    });
  });
});
