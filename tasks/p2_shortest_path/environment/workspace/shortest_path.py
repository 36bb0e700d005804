from __future__ import annotations

from collections.abc import Mapping


def shortest_path(
    graph: Mapping[str, Mapping[str, float]], source: str, target: str
) -> tuple[float, list[str]] | None:
    raise NotImplementedError
