"""Dijkstra with a heap, marking each node as visited when it is first seen."""

from __future__ import annotations

import heapq
from collections.abc import Mapping


def shortest_path(graph: Mapping[str, Mapping[str, float]], source: str, target: str) -> tuple[float, list[str]] | None:
    nodes = set(graph)
    for neighbours in graph.values():
        nodes.update(neighbours)
        if any(not weight >= 0 for weight in neighbours.values()):
            raise ValueError("negative weight")
    if source not in nodes or target not in nodes:
        raise KeyError(source if source not in nodes else target)

    visited = {source}
    queue: list[tuple[float, list[str]]] = [(0, [source])]
    while queue:
        cost, path = heapq.heappop(queue)
        node = path[-1]
        if node == target:
            return cost, path
        for neighbour, weight in graph.get(node, {}).items():
            if neighbour not in visited:
                visited.add(neighbour)
                heapq.heappush(queue, (cost + weight, [*path, neighbour]))
    return None
