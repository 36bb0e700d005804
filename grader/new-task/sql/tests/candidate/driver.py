"""Runs the workspace's query on the rows it is sent; knows nothing of the right answers.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
{{canary}}
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from driving import serve

READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


def authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Allows reading tables, calling built-in functions and nothing else."""
    is_allowed = action in READING and not (action == sqlite3.SQLITE_FUNCTION and second == "load_extension")
    return sqlite3.SQLITE_OK if is_allowed else sqlite3.SQLITE_DENY


def run(query: str, numbers: list[int]) -> object:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE number (value INTEGER NOT NULL)")
    database.executemany("INSERT INTO number VALUES (?)", [(number,) for number in numbers])
    database.commit()
    database.set_authorizer(authorize)
    try:
        return [list(row) for row in database.execute(query)]
    except (sqlite3.Error, sqlite3.Warning) as error:
        return str(error)


def answer(request: dict[str, Any], load: Callable[[str], ModuleType]) -> dict[str, list[object]]:
    query = request["query"]
    return {name: [run(query, numbers) for numbers in lists] for name, lists in request["cases"].items()}


serve(answer)
