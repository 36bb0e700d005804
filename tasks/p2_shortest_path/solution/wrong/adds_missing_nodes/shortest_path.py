"""Gives nodes without outgoing edges an empty entry in the caller's graph.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import heapq
from collections.abc import MutableMapping


def shortest_path(
    graph: MutableMapping[str, MutableMapping[str, float]], source: str, target: str
) -> tuple[float, list[str]] | None:
    nodes = set(graph).union(*graph.values())
    for node in (source, target):
        if node not in nodes:
            raise KeyError(node)
    for start, neighbours in graph.items():
        for end, weight in neighbours.items():
            if not weight >= 0:  # False for NaN as well.
                raise ValueError(f"the edge {start!r} to {end!r} has the weight {weight}")

    predecessors: dict[str, str] = {}
    best: dict[str, tuple[float, int]] = {source: (0, 0)}
    frontier: list[tuple[float, int, str]] = [(0, 0, source)]
    while frontier:
        cost, edges, node = heapq.heappop(frontier)
        if node == target:
            path = [target]
            while path[-1] != source:
                path.append(predecessors[path[-1]])
            return cost, path[::-1]
        if (cost, edges) > best[node]:
            continue
        for neighbour, weight in graph.setdefault(node, {}).items():
            label = (cost + weight, edges + 1)
            if neighbour not in best or label < best[neighbour]:
                best[neighbour] = label
                predecessors[neighbour] = node
                heapq.heappush(frontier, (*label, neighbour))
    return None
