import { expect, test } from "vitest";
import { readDockerfile } from "./dockerfile.ts";

test("files and known packages are taken over", () => {
  const needs = readDockerfile(`FROM debian:12-slim
RUN apt-get update \\
    && apt-get install -y --no-install-recommends bash python3 g++ \\
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY workspace/ /app/
COPY notes.txt data/table.csv ./input/
COPY main.py start.py
`);
  expect(needs).toEqual({
    copies: [
      { from: "workspace", to: "" },
      { from: "notes.txt", to: "input/notes.txt" },
      { from: "data/table.csv", to: "input/table.csv" },
      { from: "main.py", to: "start.py" },
    ],
    toolchains: ["python3", "c++"],
    obstacles: [],
  });
});

test("what official images and known packages of Python bring is taken over", () => {
  const needs = readDockerfile(`FROM python:3.11-slim-bookworm
RUN pip install --no-cache-dir numpy torch
WORKDIR /app
`);
  expect(needs).toEqual({ copies: [], toolchains: ["python3", "numpy", "torch"], obstacles: [] });
});

test.each([
  ["RUN pip install flask", 3, /pip install flask/],
  ["RUN pip install numpy -r more.txt", 3, /more\.txt/],
  ["RUN apt-get install -y postgresql", 3, /package postgresql/],
  ["ENV TOKEN=1", 3, /without Docker/],
  ["USER agent", 3, /without Docker/],
  ["COPY --from=builder /x /app/x", 3, /options/],
  ["COPY x /etc/x", 3, /only \/app/],
  ["COPY *.py /app/", 3, /patterns/],
])("%s stands in the way", (line, at, why) => {
  const { obstacles } = readDockerfile(`FROM debian\nWORKDIR /app\n${line}\n`);
  expect(obstacles).toEqual([
    { where: `environment/Dockerfile:${at}`, found: line, why: expect.stringMatching(why) },
  ]);
});

test("an image of unknown content stands in the way, wherever it lies", () => {
  const of = (image: string) => readDockerfile(`FROM ${image}\nWORKDIR /app\n`);
  expect(of("postgres:16").obstacles).toEqual([
    {
      where: "environment/Dockerfile:1",
      found: "FROM postgres:16",
      why: "what the image postgres brings is not known here",
    },
  ]);
  expect(of("registry.example:5000/base/python-3-13:2025")).toMatchObject({
    toolchains: ["python3"],
    obstacles: [],
  });
});

test("another working folder stands in the way", () => {
  expect(readDockerfile("FROM debian\nWORKDIR /srv\n").obstacles).toEqual([
    {
      where: "environment/Dockerfile",
      found: "WORKDIR /srv",
      why: expect.stringContaining("/app"),
    },
  ]);
});
