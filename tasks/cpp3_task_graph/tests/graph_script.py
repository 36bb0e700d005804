"""Scripts that build and run graphs, with the answers that a right executor gives.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import random

from checking import CheckFailed

Steps = list[tuple[str, str]]
MODULUS = 1_000_003


class Graph:
    """Requests in a row, each with the right answer; every call returns the graph."""

    def __init__(self) -> None:
        self.steps: Steps = [("new", "new")]
        self.before: list[list[int]] = []

    def ask(self, request: str, answer: str) -> Graph:
        self.steps.append((request, answer))
        return self

    def tasks(self, *actions: str) -> Graph:
        for action in actions:
            self.before.append([])
            self.ask(f"task {action}", str(len(self.before)))
        return self

    def quiet(self, count: int, failing: int = 0) -> Graph:
        self.before += [[] for _ in range(count)]
        return self.ask(f"quiet {count} {failing}", str(len(self.before)))

    def edge(self, *pairs: tuple[int, int]) -> Graph:
        for before, after in pairs:
            self.before[after].append(before)
            self.ask(f"edge {before} {after}", "returned")
        return self

    def edges(self, first: int, last: int, step: int) -> Graph:
        for task in range(first, last + 1):
            self.before[task].append(task - step)
        return self.ask(f"edges {first} {last} {step}", "added")

    def run(self, workers: int, answer: str = "returned") -> Graph:
        return self.ask(f"run {workers}", answer)

    def statuses(self, letters: str) -> Graph:
        """By their first letters, but that k is skipped."""
        names = {"p": "pending", "s": "succeeded", "f": "failed", "k": "skipped", "c": "cancelled"}
        return self.ask("statuses", ",".join(names[letter] for letter in letters))

    def events(self, text: str) -> Graph:
        return self.ask("events", f"{text} ")

    def sorted_events(self, text: str) -> Graph:
        return self.ask("sorted", "".join(f"{event} " for event in sorted(text.split())))

    def sums(self, uncalled: frozenset[int] = frozenset()) -> Graph:
        """What quiet tasks computed from those before them, all called once but for some."""
        cells = [0] * len(self.before)
        for task in self._order():
            if task not in uncalled:
                cells[task] = (1 + sum(cells[other] for other in self.before[task])) % MODULUS
        total = 0
        for cell in cells:
            total = (total * 31 + cell) % MODULUS
        return self.ask("sums", f"{total} {len(cells) - len(uncalled)} 1")

    def _order(self) -> list[int]:
        after: list[list[int]] = [[] for _ in self.before]
        waits = [len(others) for others in self.before]
        for task, others in enumerate(self.before):
            for other in others:
                after[other].append(task)
        order = [task for task, count in enumerate(waits) if count == 0]
        for task in order:
            for other in after[task]:
                waits[other] -= 1
                if waits[other] == 0:
                    order.append(other)
        return order


def random_graph(seed: int, count: int, *, is_quiet: bool) -> Graph:
    """Edges lead from and to any ids, in the direction of a hidden order."""
    randomness = random.Random(seed)
    order = list(range(count))
    randomness.shuffle(order)
    graph = Graph()
    if is_quiet:
        graph.quiet(count)
    else:
        graph.tasks(*("sleep:1" for _ in range(count)))
    for place in range(1, count):
        for _ in range(randomness.choice([0, 1, 1, 2, 3])):
            graph.edge((order[randomness.randrange(max(0, place - 12), place)], order[place]))
    return graph


def smallest_ready_first(graph: Graph) -> str:
    """The events of a run with one worker."""
    done: list[int] = []
    while len(done) < len(graph.before):
        done.append(
            min(
                task
                for task, others in enumerate(graph.before)
                if task not in done and all(other in done for other in others)
            )
        )
    return " ".join(f"+{task} -{task}" for task in done)


def require_right_events(graph: Graph, workers: int, text: str) -> None:
    """Raises CheckFailed unless all tasks ran once, behind those they depend on, and never too many at a time."""
    ended: set[int] = set()
    running: set[int] = set()
    for event in text.split():
        task = int(event[1:])
        if event[0] == "-":
            running.remove(task)
            ended.add(task)
            continue
        if task in running | ended:
            raise CheckFailed(f"with {workers} workers task {task} was called twice")
        missing = [other for other in graph.before[task] if other not in ended]
        if missing:
            raise CheckFailed(f"with {workers} workers task {task} started before task {missing[0]} had ended")
        running.add(task)
        if len(running) > workers:
            raise CheckFailed(f"with {workers} workers {len(running)} tasks ran at the same time")
    if ended != set(range(len(graph.before))):
        missing = sorted(set(range(len(graph.before))) - ended)
        raise CheckFailed(f"with {workers} workers the tasks {missing} did not run")
