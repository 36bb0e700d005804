"""Costs to the target first, over reversed edges; then breadth first along the edges that waste nothing.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping


def _costs_to(target: str, incoming: dict[str, list[tuple[str, float]]]) -> dict[str, float]:
    costs: dict[str, float] = {}
    heap: list[tuple[float, str]] = [(0, target)]
    while heap:
        cost, node = heapq.heappop(heap)
        if node in costs:
            continue
        costs[node] = cost
        for neighbour, weight in incoming[node]:
            if neighbour not in costs:
                heapq.heappush(heap, (cost + weight, neighbour))
    return costs


def shortest_path(graph: Mapping[str, Mapping[str, float]], source: str, target: str) -> tuple[float, list[str]] | None:
    incoming: dict[str, list[tuple[str, float]]] = {node: [] for node in graph}
    weights: list[float] = []
    for start, neighbours in graph.items():
        for end, weight in neighbours.items():
            incoming.setdefault(end, []).append((start, weight))
            weights.append(weight)
    missing = [node for node in (source, target) if node not in incoming]
    if missing:
        raise KeyError(*missing)
    if not all(0 <= weight for weight in weights):
        raise ValueError("a weight is negative or not a number")

    costs = _costs_to(target, incoming)
    if source not in costs:
        return None
    before: dict[str, str | None] = {source: None}
    queue = deque([source])
    while target not in before:
        node = queue.popleft()
        for neighbour, weight in graph.get(node, {}).items():
            if neighbour in costs and neighbour not in before and costs[neighbour] + weight == costs[node]:
                before[neighbour] = node
                queue.append(neighbour)
    path: list[str] = []
    step: str | None = target
    while step is not None:
        path.append(step)
        step = before[step]
    return costs[source], path[::-1]
