"""Relaxes edges out of a queue until no label improves.

Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping


def _check(graph: Mapping[str, Mapping[str, float]], source: str, target: str) -> None:
    nodes = set(graph)
    for neighbours in graph.values():
        nodes.update(neighbours)
    if source not in nodes:
        raise KeyError(source)
    if target not in nodes:
        raise KeyError(target)
    for neighbours in graph.values():
        for weight in neighbours.values():
            if math.isnan(weight) or weight < 0:
                raise ValueError(f"weights must be zero or more, found {weight}")


def shortest_path(graph: Mapping[str, Mapping[str, float]], source: str, target: str) -> tuple[float, list[str]] | None:
    _check(graph, source, target)

    labels: dict[str, tuple[float, int]] = {source: (0, 0)}
    came_from: dict[str, str] = {}
    queue = deque([source])
    queued = {source}
    while queue:
        node = queue.popleft()
        queued.discard(node)
        cost, edges = labels[node]
        for neighbour, weight in graph.get(node, {}).items():
            label = (cost + weight, edges + 1)
            if neighbour in labels and labels[neighbour] <= label:
                continue
            labels[neighbour] = label
            came_from[neighbour] = node
            if neighbour not in queued:
                queued.add(neighbour)
                queue.append(neighbour)

    if target not in labels:
        return None
    path = [target]
    while path[-1] != source:
        path.append(came_from[path[-1]])
    path.reverse()
    return labels[target][0], path
