import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { operatorHandlers } from "../../test/support/operator-service.ts";
import {
  aChannel,
  aServer,
  deferred,
  failureOf,
  logged,
  type OperatorHandlers,
  operatorOf,
  UnknownSweep,
} from "../../test/support/rpc.ts";
import { OperatorService } from "../gen/sweep/v1/operator_pb.ts";
import { clientOf } from "./client.ts";
import { isDisconnection } from "./rpc-error.ts";
import { implement, type RpcServer } from "./server.ts";

describe("a unary call", () => {
  test("carries the request to the handler and its answer back", async () => {
    const server = await aServer({
      getRun: async ({ runId }) => ({ run: { runId, seed: 7 }, sweepName: "study" }),
    });
    const response = await operatorOf(server).getRun({ runId: "r1" });
    expect(response).toMatchObject({ run: { runId: "r1", seed: 7 }, sweepName: "study" });
  });

  test("fails with the code and words of a refusal that the handler throws", async () => {
    const server = await aServer({
      getRun: async () => {
        throw new UnknownSweep("there is no sweep `nightly`");
      },
    });
    const error = await failureOf(operatorOf(server).getRun({}));
    expect(error).toMatchObject({ code: "NOT_FOUND", message: "there is no sweep `nightly`" });
    expect(logged).toEqual([]);
  });

  test("hides the detail of a fault from the caller and logs it once", async () => {
    const server = await aServer({
      getRun: async () => {
        throw new Error("password=hunter2");
      },
    });
    const error = await failureOf(operatorOf(server).getRun({}));
    expect(error.code).toBe("INTERNAL");
    expect(error.message).not.toContain("hunter2");
    expect(logged).toMatchObject([{ msg: "call failed", err: { message: "password=hunter2" } }]);
  });

  test("without the lab's token is refused before its handler sees it", async () => {
    let seen = 0;
    const server = await aServer({
      listSweeps: async () => {
        seen += 1;
        return {};
      },
    });
    const intruder = clientOf(OperatorService, aChannel(server, "a guess"));
    expect(await failureOf(intruder.listSweeps({}))).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(seen).toBe(0);
  });

  test("fails at its deadline, and its handler is told", async () => {
    const told = deferred<void>();
    const server = await aServer({
      getRun: async (_, { signal }) => {
        await once(signal, "abort");
        told.resolve();
        throw signal.reason;
      },
    });
    const error = await failureOf(operatorOf(server).getRun({}, { deadlineMs: 50 }));
    expect(error.code).toBe("DEADLINE_EXCEEDED");
    await told.promise;
  });

  test("that its caller cancels throws the caller's reason, and its handler is told", async () => {
    const entered = deferred<void>();
    const told = deferred<void>();
    const server = await aServer({
      getRun: async (_, { signal }) => {
        entered.resolve();
        await once(signal, "abort");
        told.resolve();
        return {};
      },
    });
    const caller = new AbortController();
    const call = operatorOf(server).getRun({}, { signal: caller.signal });
    await entered.promise;
    const reason = new Error("no longer needed");
    caller.abort(reason);
    await expect(call).rejects.toBe(reason);
    await told.promise;
  });

  test("to a port where nothing listens fails as a disconnection", async () => {
    const server = await aServer();
    await server.close(0);
    const error = await failureOf(operatorOf(server).listSweeps({}));
    expect(error.code).toBe("UNAVAILABLE");
    expect(isDisconnection(error)).toBe(true);
  });
});

test("types refuse what the service does not declare", () => {
  const handlers: OperatorHandlers = operatorHandlers({});
  const { getRun: _, ...withoutGetRun } = handlers;
  // @ts-expect-error a handler is missing
  void (() => implement(OperatorService, withoutGetRun));
  // @ts-expect-error a request field is misspelt
  handlers.getRun = async ({ runIdd }) => ({ sweepName: runIdd });
  // @ts-expect-error a response field has the wrong type
  handlers.getRun = async () => ({ sweepName: 7 });
  // @ts-expect-error a request field is misspelt by the caller
  void ((server: RpcServer) => operatorOf(server).getRun({ runIdd: "" }));
  expect(Object.keys(handlers)).toContain("getRun");
});
