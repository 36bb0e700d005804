from __future__ import annotations

Emission = tuple[int, str, list[object]]


class Debouncer:
    def __init__(self, wait: int, *, max_wait: int | None = None, leading: bool = False) -> None:
        raise NotImplementedError

    def push(self, time: int, key: str, value: object) -> list[Emission]:
        raise NotImplementedError

    def advance(self, time: int) -> list[Emission]:
        raise NotImplementedError

    def flush(self, time: int) -> list[Emission]:
        raise NotImplementedError

    def cancel(self, key: str) -> int:
        raise NotImplementedError

    def next_due(self) -> int | None:
        raise NotImplementedError
