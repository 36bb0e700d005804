import { expect, test } from "vitest";
import { MessageQueue } from "./message-queue.ts";

test("a queue yields what is pushed before and after its reader waits, in order", async () => {
  const queue = new MessageQueue<number>(10);
  queue.push(1);
  queue.push(2);
  const reader = queue[Symbol.asyncIterator]();
  expect((await reader.next()).value).toBe(1);
  expect((await reader.next()).value).toBe(2);
  const third = reader.next();
  queue.push(3);
  expect((await third).value).toBe(3);
});

test("a full queue refuses a message and keeps what it has", async () => {
  const queue = new MessageQueue<number>(2);
  expect([queue.push(1), queue.push(2), queue.push(3)]).toEqual([true, true, false]);
  queue.end();
  const left: number[] = [];
  for await (const message of queue) left.push(message);
  expect(left).toEqual([1, 2]);
});

test("a queue that has ended takes nothing more and releases its waiting reader", async () => {
  const queue = new MessageQueue<number>(2);
  const waiting = queue[Symbol.asyncIterator]().next();
  queue.end();
  expect((await waiting).done).toBe(true);
  expect(queue.push(1)).toBe(false);
});
