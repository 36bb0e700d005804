"""Random graphs and the optimum between two of their nodes.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import heapq
import random

Graph = dict[str, dict[str, float]]


def make_random_graph(randomness: random.Random, nodes: int, edges: int, weights: list[float]) -> Graph:
    """Nodes are `n0`, `n1` and so on; edges may fall on one another and lead from a node to itself."""
    names = [f"n{number}" for number in range(nodes)]
    graph: Graph = {name: {} for name in names}
    starts, ends = randomness.choices(names, k=edges), randomness.choices(names, k=edges)
    for start, end, weight in zip(starts, ends, randomness.choices(weights, k=edges), strict=True):
        graph[start][end] = weight
    return graph


def find_optimum(graph: Graph, source: str, target: str) -> tuple[float, int] | None:
    """Lowest cost and fewest edges at that cost; None if there is no path."""
    settled: set[str] = set()
    frontier: list[tuple[float, int, str]] = [(0, 0, source)]
    while frontier:
        cost, edges, node = heapq.heappop(frontier)
        if node == target:
            return cost, edges
        if node in settled:
            continue
        settled.add(node)
        for neighbour, weight in graph.get(node, {}).items():
            heapq.heappush(frontier, (cost + weight, edges + 1, neighbour))
    return None
