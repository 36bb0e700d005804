"""The checks of p2_shortest_path.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import copy
import itertools
import json
import math
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from checking import CheckFailed, Limits, ask_driver, run_checks
from graphs import Graph, find_optimum, make_random_graph

# The instruction allows 10 s for one call; a start of the interpreter comes on top.
CALL_SECONDS = 10.0

# Costs are sums of a few hundred terms at most, in whatever order; 1e-9 is a million times the
# rounding that allows, and far below the smallest difference between two weights used here.
COST_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Call:
    graph: Graph
    source: str
    target: str
    wants_graph: bool = field(default=False, kw_only=True)


def ask_for_all(calls: list[Call]) -> dict[str, Any]:
    """What the driver reports of one process that makes these calls in turn."""
    report: dict[str, Any] = ask_driver([vars(call) for call in calls], limits=Limits(seconds=CALL_SECONDS + 1))
    if type(report["answers"]) is not list or len(report["answers"]) != len(calls):
        raise CheckFailed("the program ended before the calls returned")
    return report


def ask(calls: list[Call]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = ask_for_all(calls)["answers"]
    return answers


def ask_one(call: Call) -> dict[str, Any]:
    return ask([call])[0]


def show(answer: dict[str, Any]) -> str:
    match answer["kind"]:
        case "none":
            return "None"
        case "path":
            return f"({answer['cost']}, {str(answer['path'])[:200]})"
        case "raised":
            return f"{answer['classes'][0]} was raised"
        case _:
            return str(answer.get("found"))


def show_call(call: Call) -> str:
    graph = json.dumps(call.graph)
    if len(graph) > 300:
        graph = f"a graph of {len(call.graph)} nodes"
    return f"shortest_path({graph}, {call.source!r}, {call.target!r})"


def expect_path(call: Call, answer: dict[str, Any], *, cost: float, edges: int) -> None:
    wanted = f"{show_call(call)}: expected cost {cost} over {edges} edges"
    if answer["kind"] != "path":
        raise CheckFailed(f"{wanted}, found {show(answer)}")
    path: list[str] = answer["path"]
    if not path or path[0] != call.source or path[-1] != call.target:
        raise CheckFailed(f"{wanted}; the path {str(path)[:200]} does not lead from source to target")
    total = 0.0
    for start, end in itertools.pairwise(path):
        if end not in call.graph.get(start, {}):
            raise CheckFailed(f"{wanted}; the path uses an edge {start!r} to {end!r} that does not exist")
        total += call.graph[start][end]
    if not math.isclose(total, cost, rel_tol=COST_TOLERANCE, abs_tol=COST_TOLERANCE):
        raise CheckFailed(f"{wanted}; the path {str(path)[:200]} costs {total}")
    if not math.isclose(answer["cost"], cost, rel_tol=COST_TOLERANCE, abs_tol=COST_TOLERANCE):
        raise CheckFailed(f"{wanted}, found the cost {answer['cost']}")
    if len(path) - 1 != edges:
        raise CheckFailed(f"{wanted}; the path {str(path)[:200]} has {len(path) - 1} edges")


def expect_none(call: Call, answer: dict[str, Any]) -> None:
    if answer["kind"] != "none":
        raise CheckFailed(f"{show_call(call)}: expected None, found {show(answer)}")


def expect_error(call: Call, answer: dict[str, Any], name: str) -> None:
    if answer["kind"] != "raised" or f"builtins.{name}" not in answer["classes"]:
        raise CheckFailed(f"{show_call(call)}: expected {name}, found {show(answer)}")


class SmallCalls:
    """Calls that one process answers together; if it does not answer, each gets a process of its own."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: list[dict[str, Any]] | None = None

    def add(self, call: Call) -> Callable[[], dict[str, Any]]:
        index = len(self.calls)
        self.calls.append(call)

        def find_answer() -> dict[str, Any]:
            if self.answers is None:
                try:
                    self.answers = ask(self.calls)
                except CheckFailed:
                    self.answers = []
            return self.answers[index] if self.answers else ask_one(call)

        return find_answer


def make_small_checks(small: SmallCalls) -> list[tuple[str, Callable[[], None]]]:
    def gives(graph: Graph, source: str, target: str, cost: float, edges: int) -> Callable[[], None]:
        call = Call(graph, source, target)
        answer = small.add(call)
        return lambda: expect_path(call, answer(), cost=cost, edges=edges)

    def gives_none(graph: Graph, source: str, target: str) -> Callable[[], None]:
        call = Call(graph, source, target)
        answer = small.add(call)
        return lambda: expect_none(call, answer())

    def raises(name: str, graph: Graph, source: str, target: str) -> Callable[[], None]:
        call = Call(graph, source, target)
        answer = small.add(call)
        return lambda: expect_error(call, answer(), name)

    def all_of(*parts: Callable[[], None]) -> Callable[[], None]:
        def check() -> None:
            for part in parts:
                part()

        return check

    def leaves(graph: Graph, source: str, target: str, cost: float, edges: int) -> Callable[[], None]:
        call = Call(graph, source, target, wants_graph=True)
        answer = small.add(call)

        def check() -> None:
            expect_path(call, answer(), cost=cost, edges=edges)
            if (found := answer()["graph"]) != graph:
                raise CheckFailed(f"{show_call(call)}: the graph was changed to {found}")

        return check

    ladder: Graph = {"a": {"b": 1, "c": 4}, "b": {"c": 1, "d": 9}, "c": {"d": 1}}
    zeros: Graph = {"a": {"b": 0}, "b": {"c": 0, "a": 0}, "c": {"d": 2}}
    loops: Graph = {"a": {"a": 5, "b": 1}, "b": {"a": 0}}
    sink: Graph = {"a": {"sink": 4}}
    bad_far_away: Graph = {"a": {"b": 1}, "x": {"y": -1}}
    not_a_number: Graph = {"a": {"b": 1}, "x": {"y": math.nan}}
    # A search in order of cost finds the path of fewer edges first in the one graph, last in the other.
    first_found: Graph = {"a": {"b": 1, "d": 3}, "b": {"c": 1}, "c": {"d": 1}, "d": {"e": 0}}
    last_found: Graph = {"a": {"p": 1, "z": 2.5}, "p": {"q": 1}, "q": {"t": 1}, "z": {"t": 0.5}, "t": {"u": 4}}
    return [
        ("a_single_edge_is_a_path", gives({"a": {"b": 3}}, "a", "b", 3, 1)),
        ("a_cheap_detour_beats_a_dear_edge", gives({"a": {"c": 9, "b": 2}, "b": {"c": 3}}, "a", "c", 5, 2)),
        ("a_cheaper_route_found_later_wins", gives(ladder, "a", "d", 3, 3)),
        (
            "source_equal_to_target_costs_nothing",
            all_of(gives(loops, "a", "a", 0, 0), gives({"a": {}}, "a", "a", 0, 0)),
        ),
        (
            "an_unreachable_target_gives_none",
            all_of(gives_none({"a": {"b": 1}, "c": {"b": 1}}, "a", "c"), gives_none({"a": {}, "b": {}}, "a", "b")),
        ),
        ("edges_lead_one_way", gives_none({"a": {"b": 2}, "b": {"c": 3}}, "c", "a")),
        (
            "a_node_that_is_only_a_neighbour_exists",
            all_of(gives(sink, "a", "sink", 4, 1), gives(sink, "sink", "sink", 0, 0), gives_none(sink, "sink", "a")),
        ),
        (
            "an_unknown_source_raises_key_error",
            all_of(raises("KeyError", {"a": {"b": 1}}, "z", "a"), raises("KeyError", {}, "a", "a")),
        ),
        ("an_unknown_target_raises_key_error", raises("KeyError", {"a": {"b": 1}}, "a", "z")),
        ("a_negative_weight_raises_value_error", raises("ValueError", {"a": {"b": -1}}, "a", "b")),
        ("a_bad_weight_out_of_reach_raises_value_error", raises("ValueError", bad_far_away, "a", "b")),
        (
            "a_bad_weight_raises_even_if_source_is_target",
            all_of(raises("ValueError", bad_far_away, "a", "a"), raises("ValueError", not_a_number, "b", "b")),
        ),
        ("a_nan_weight_raises_value_error", raises("ValueError", not_a_number, "a", "b")),
        (
            "an_unknown_node_is_reported_before_a_bad_weight",
            all_of(raises("KeyError", bad_far_away, "a", "z"), raises("KeyError", bad_far_away, "z", "a")),
        ),
        ("zero_weights_are_allowed", gives(zeros, "a", "d", 2, 3)),
        (
            "ties_go_to_the_fewest_edges",
            all_of(
                gives(first_found, "a", "e", 3, 2),
                gives(last_found, "a", "t", 3, 2),
                gives(last_found, "a", "u", 7, 3),
            ),
        ),
        ("fractional_weights_add_up", gives({"a": {"b": 0.25, "c": 1.5}, "b": {"c": 0.75}}, "a", "c", 1.0, 2)),
        ("the_graph_is_left_as_it_was", leaves({"a": {"b": 1, "c": 7, "a": 2}, "b": {"c": 2, "d": 1}}, "a", "c", 3, 2)),
    ]


def importing_has_no_effect() -> None:
    report = ask_for_all([])
    if report["printed"] != "":
        raise CheckFailed(f"importing shortest_path.py printed {report['printed']!r}")
    if report["created"] != []:
        raise CheckFailed(f"importing shortest_path.py created {report['created']}")


def repeated_calls() -> None:
    first: Graph = {"a": {"b": 1}, "b": {"c": 1}}
    second: Graph = {"a": {"c": 9}, "b": {}}
    calls = [Call(first, "a", "c"), Call(second, "a", "c"), Call(copy.deepcopy(first), "a", "c")]
    answers = ask(calls)
    expect_path(calls[0], answers[0], cost=2, edges=2)
    expect_path(calls[1], answers[1], cost=9, edges=1)
    expect_path(calls[2], answers[2], cost=2, edges=2)


def random_graphs(seed: int, weights: list[float]) -> None:
    randomness = random.Random(seed)
    calls = []
    for _ in range(200):
        nodes = randomness.randint(2, 12)
        graph = make_random_graph(randomness, nodes, randomness.randint(1, 4 * nodes), weights)
        calls.append(Call(graph, "n0", f"n{nodes - 1}"))
    for call, answer in zip(calls, ask(calls), strict=True):
        optimum = find_optimum(call.graph, call.source, call.target)
        if optimum is None:
            expect_none(call, answer)
        else:
            expect_path(call, answer, cost=optimum[0], edges=optimum[1])


def long_chain() -> None:
    graph: Graph = {f"n{number}": {f"n{number + 1}": 1} for number in range(19_999)}
    call = Call(graph, "n0", "n19999")
    expect_path(call, ask_one(call), cost=19_999, edges=19_999)


def large_graph() -> None:
    graph = make_random_graph(random.Random(20), 20_000, 100_000, [float(w) for w in range(1, 1000)])
    call = Call(graph, "n0", "n19999")
    optimum = find_optimum(graph, "n0", "n19999")
    assert optimum is not None
    expect_path(call, ask_one(call), cost=optimum[0], edges=optimum[1])


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    return [
        *make_small_checks(SmallCalls()),
        ("calls_do_not_influence_one_another", repeated_calls),
        ("random_graphs_have_their_optimum", lambda: random_graphs(7, [1.0, 2.0, 3.0, 5.0, 8.0])),
        ("random_graphs_with_many_ties_have_their_optimum", lambda: random_graphs(8, [0.0, 1.0, 1.0, 2.0])),
        ("importing_the_file_has_no_effect", importing_has_no_effect),
        ("a_long_chain_is_followed", long_chain),
        ("a_large_graph_is_answered_in_time", large_graph),
    ]


def main() -> int:
    return run_checks(make_checks())


if __name__ == "__main__":
    sys.exit(main())
