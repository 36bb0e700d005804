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


def make_checks() -> list[tuple[str, Callable[[], None]]]:
    def path_check(graph: Graph, source: str, target: str, cost: float, edges: int) -> Callable[[], None]:
        call = Call(graph, source, target)
        return lambda: expect_path(call, ask_one(call), cost=cost, edges=edges)

    def importing_has_no_effect() -> None:
        report = ask_for_all([])
        if report["printed"] != "":
            raise CheckFailed(f"importing shortest_path.py printed {report['printed']!r}")
        if report["created"] != []:
            raise CheckFailed(f"importing shortest_path.py created {report['created']}")

    def ties() -> None:
        # The dearer way in edges is found first by a search in order of cost, in the second graph.
        first_found: Graph = {"a": {"b": 1, "d": 3}, "b": {"c": 1}, "c": {"d": 1}, "d": {"e": 0}}
        last_found: Graph = {"a": {"p": 1, "z": 2.5}, "p": {"q": 1}, "q": {"t": 1}, "z": {"t": 0.5}, "t": {"u": 4}}
        calls = [Call(first_found, "a", "e"), Call(last_found, "a", "t"), Call(last_found, "a", "u")]
        answers = ask(calls)
        expect_path(calls[0], answers[0], cost=3, edges=2)
        expect_path(calls[1], answers[1], cost=3, edges=2)
        expect_path(calls[2], answers[2], cost=7, edges=3)

    def error_check(name: str, *calls: Call) -> Callable[[], None]:
        def check() -> None:
            for call, answer in zip(calls, ask(list(calls)), strict=True):
                expect_error(call, answer, name)

        return check

    def unreachable() -> None:
        calls = [Call({"a": {"b": 1}, "c": {"b": 1}}, "a", "c"), Call({"a": {}, "b": {}}, "a", "b")]
        for call, answer in zip(calls, ask(calls), strict=True):
            expect_none(call, answer)

    def edges_are_one_way() -> None:
        back = Call({"a": {"b": 2}, "b": {"c": 3}}, "c", "a")
        expect_none(back, ask_one(back))

    def neighbour_only_nodes() -> None:
        graph: Graph = {"a": {"sink": 4}}
        calls = [Call(graph, "a", "sink"), Call(graph, "sink", "sink"), Call(graph, "sink", "a")]
        answers = ask(calls)
        expect_path(calls[0], answers[0], cost=4, edges=1)
        expect_path(calls[1], answers[1], cost=0, edges=0)
        expect_none(calls[2], answers[2])

    def source_is_target() -> None:
        calls = [Call({"a": {"a": 5, "b": 1}, "b": {"a": 0}}, "a", "a"), Call({"a": {}}, "a", "a")]
        for call, answer in zip(calls, ask(calls), strict=True):
            expect_path(call, answer, cost=0, edges=0)

    def graph_is_unchanged() -> None:
        graph: Graph = {"a": {"b": 1, "c": 7, "a": 2}, "b": {"c": 2, "d": 1}}
        call = Call(graph, "a", "c", wants_graph=True)
        answer = ask_one(call)
        expect_path(call, answer, cost=3, edges=2)
        if answer["graph"] != graph:
            raise CheckFailed(f"{show_call(call)}: the graph was changed to {answer['graph']}")

    def repeated_calls() -> None:
        first: Graph = {"a": {"b": 1}, "b": {"c": 1}}
        second: Graph = {"a": {"c": 9}, "b": {}}
        calls = [Call(first, "a", "c"), Call(second, "a", "c"), Call(copy.deepcopy(first), "a", "c")]
        answers = ask(calls)
        expect_path(calls[0], answers[0], cost=2, edges=2)
        expect_path(calls[1], answers[1], cost=9, edges=1)
        expect_path(calls[2], answers[2], cost=2, edges=2)

    def random_graphs(seed: int, weights: list[float]) -> Callable[[], None]:
        def check() -> None:
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

        return check

    def long_chain() -> None:
        graph: Graph = {f"n{number}": {f"n{number + 1}": 1} for number in range(19_999)}
        call = Call(graph, "n0", "n19999")
        expect_path(call, ask_one(call), cost=19_999, edges=19_999)

    def large_graph() -> None:
        randomness = random.Random(20)
        graph = make_random_graph(randomness, 20_000, 100_000, [float(w) for w in range(1, 1000)])
        graph["n0"]["n1"] = 1.0
        target = next(f"n{n}" for n in range(19_999, 0, -1) if find_optimum(graph, "n0", f"n{n}"))
        call = Call(graph, "n0", target)
        optimum = find_optimum(graph, "n0", target)
        assert optimum is not None
        expect_path(call, ask_one(call), cost=optimum[0], edges=optimum[1])

    ladder: Graph = {"a": {"b": 1, "c": 4}, "b": {"c": 1, "d": 9}, "c": {"d": 1}}
    bad_far_away: Graph = {"a": {"b": 1}, "x": {"y": -1}}
    not_a_number: Graph = {"a": {"b": 1}, "x": {"y": math.nan}}
    return [
        ("a_single_edge_is_a_path", path_check({"a": {"b": 3}}, "a", "b", 3, 1)),
        ("a_cheap_detour_beats_a_dear_edge", path_check({"a": {"c": 9, "b": 2}, "b": {"c": 3}}, "a", "c", 5, 2)),
        ("a_cheaper_route_found_later_wins", path_check(ladder, "a", "d", 3, 3)),
        ("source_equal_to_target_costs_nothing", source_is_target),
        ("an_unreachable_target_gives_none", unreachable),
        ("edges_lead_one_way", edges_are_one_way),
        ("a_node_that_is_only_a_neighbour_exists", neighbour_only_nodes),
        (
            "an_unknown_source_raises_key_error",
            error_check("KeyError", Call({"a": {"b": 1}}, "z", "a"), Call({}, "a", "a")),
        ),
        ("an_unknown_target_raises_key_error", error_check("KeyError", Call({"a": {"b": 1}}, "a", "z"))),
        ("a_negative_weight_raises_value_error", error_check("ValueError", Call({"a": {"b": -1}}, "a", "b"))),
        (
            "a_bad_weight_out_of_reach_raises_value_error",
            error_check("ValueError", Call(bad_far_away, "a", "b")),
        ),
        (
            "a_bad_weight_raises_even_if_source_is_target",
            error_check("ValueError", Call(bad_far_away, "a", "a"), Call(not_a_number, "b", "b")),
        ),
        ("a_nan_weight_raises_value_error", error_check("ValueError", Call(not_a_number, "a", "b"))),
        ("an_unknown_node_is_reported_before_a_bad_weight", error_check("KeyError", Call(bad_far_away, "a", "z"))),
        (
            "zero_weights_are_allowed",
            path_check({"a": {"b": 0}, "b": {"c": 0, "a": 0}, "c": {"d": 2}}, "a", "d", 2, 3),
        ),
        ("ties_go_to_the_fewest_edges", ties),
        ("fractional_weights_add_up", path_check({"a": {"b": 0.25, "c": 1.5}, "b": {"c": 0.75}}, "a", "c", 1.0, 2)),
        ("the_graph_is_left_as_it_was", graph_is_unchanged),
        ("calls_do_not_influence_one_another", repeated_calls),
        ("random_graphs_have_their_optimum", random_graphs(7, [1.0, 2.0, 3.0, 5.0, 8.0])),
        ("random_graphs_with_many_ties_have_their_optimum", random_graphs(8, [0.0, 1.0, 1.0, 2.0])),
        ("importing_the_file_has_no_effect", importing_has_no_effect),
        ("a_long_chain_is_followed", long_chain),
        ("a_large_graph_is_answered_in_time", large_graph),
    ]


def main() -> int:
    return run_checks(make_checks())


if __name__ == "__main__":
    sys.exit(main())
