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
CREATE TABLE setting (gap_seconds INTEGER NOT NULL, lateness_seconds INTEGER NOT NULL);
CREATE TABLE zone_rule (
  zone TEXT NOT NULL, from_utc INTEGER NOT NULL, offset_seconds INTEGER NOT NULL, PRIMARY KEY (zone, from_utc)
);
CREATE TABLE visitor (id INTEGER PRIMARY KEY, zone TEXT NOT NULL);
CREATE TABLE event (
  id INTEGER PRIMARY KEY, visitor_id INTEGER NOT NULL, local_time TEXT NOT NULL, received_utc INTEGER NOT NULL
);
"""

READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}

# An endless query shall fill neither memory nor the disk before its steps are used up.
HEAP_BYTES_MAX = 512 * 1024 * 1024
STEPS_BETWEEN_LOOKS = 100_000


def authorize(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    """Allows reading tables, calling built-in functions and nothing else."""
    if action not in READING:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_READ and (first or "").startswith("sqlite_"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def run(query: str, tables: dict[str, Any]) -> dict[str, Any]:
    """Column names and rows, or the error, of the query on one filling of the tables."""
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA temp_store = MEMORY")
    database.execute(f"PRAGMA hard_heap_limit = {HEAP_BYTES_MAX}")
    database.executescript(SCHEMA)
    database.execute("INSERT INTO setting VALUES (?, ?)", tables["setting"])
    database.executemany("INSERT INTO zone_rule VALUES (?, ?, ?)", tables["rules"])
    database.executemany("INSERT INTO visitor VALUES (?, ?)", tables["visitors"])
    database.executemany("INSERT INTO event VALUES (?, ?, ?, ?)", tables["events"])
    database.commit()
    # At their first use these set themselves up by statements of their own, which would be denied.
    database.execute("SELECT count(*) FROM json_each('[]'), json_tree('[]')")
    database.set_authorizer(authorize)
    looks_left = tables["steps_max"] // STEPS_BETWEEN_LOOKS

    def look() -> bool:
        nonlocal looks_left
        looks_left -= 1
        return looks_left < 0

    database.set_progress_handler(look, STEPS_BETWEEN_LOOKS)
    try:
        cursor = database.execute(query)
        rows = [[value.hex() if isinstance(value, bytes) else value for value in row] for row in cursor]
    except (sqlite3.Error, sqlite3.Warning, ValueError, MemoryError) as error:
        reason = "it took too many steps" if looks_left < 0 else str(error) or type(error).__name__
        return {"error": reason}
    finally:
        database.close()
    if cursor.description is None:
        return {"error": "there is no statement in query.sql"}
    return {"columns": [column[0] for column in cursor.description], "rows": rows}


serve(lambda request, load: [run(request["query"], tables) for tables in request["fillings"]])
