"""Runs the workspace's query on the tables it is sent; knows nothing of the right answers.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from driving import serve

SCHEMA = """
CREATE TABLE rate_change (
  id INTEGER PRIMARY KEY, contract_id INTEGER NOT NULL, valid_from INTEGER NOT NULL, valid_to INTEGER, cents INTEGER,
  recorded_at INTEGER NOT NULL
);
CREATE TABLE usage (
  id INTEGER PRIMARY KEY, contract_id INTEGER NOT NULL, day INTEGER NOT NULL, units INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL, replaces_id INTEGER
);
CREATE TABLE question (id INTEGER PRIMARY KEY, contract_id INTEGER NOT NULL, known_at INTEGER NOT NULL);
"""
TABLES = {"changes": "rate_change", "usages": "usage", "questions": "question"}

READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}

# An endless query shall fill neither memory nor the disk before its steps are used up.
HEAP_BYTES_MAX = 512 * 1024 * 1024
STEPS_BETWEEN_LOOKS = 100_000


def authorize(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    """Allows reading the three tables, calling built-in functions and nothing else."""
    if action not in READING:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_READ and (first or "").startswith("sqlite_"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def run(query: str, tables: dict[str, Any]) -> dict[str, Any]:
    """Column names, rows and steps, or the error, of the query on one filling of the tables."""
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA temp_store = MEMORY")
    database.execute(f"PRAGMA hard_heap_limit = {HEAP_BYTES_MAX}")
    database.executescript(SCHEMA)
    for name, table in TABLES.items():
        for row in tables[name][:1]:
            database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", tables[name])
    database.commit()
    # At their first use these set themselves up by statements of their own, which would be denied.
    database.execute("SELECT count(*) FROM json_each('[]'), json_tree('[]')")
    database.set_authorizer(authorize)
    steps = 0

    def look() -> bool:
        nonlocal steps
        steps += STEPS_BETWEEN_LOOKS
        return steps > tables["steps_max"]

    # The engine calls this from between its own steps; SQL has no way to it.
    database.set_progress_handler(look, STEPS_BETWEEN_LOOKS)
    try:
        cursor = database.execute(query)
        rows = [[value.hex() if isinstance(value, bytes) else value for value in row] for row in cursor]
    except (sqlite3.Error, sqlite3.Warning, ValueError, MemoryError) as error:
        is_over = steps > tables["steps_max"]
        return {"error": str(error) or type(error).__name__, "steps": steps, "is_over": is_over}
    finally:
        database.close()
    if cursor.description is None:
        return {"error": "there is no statement in query.sql", "steps": steps, "is_over": False}
    return {"columns": [column[0] for column in cursor.description], "rows": rows, "steps": steps}


serve(lambda request, load: [run(request["query"], tables) for tables in request["fillings"]])
