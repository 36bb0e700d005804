"""Runs the workspace's query on the rows it is sent; knows nothing of the right answers.

Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from typing import Any

SCHEMA = """
CREATE TABLE folder (id INTEGER PRIMARY KEY, parent_id INTEGER, name TEXT NOT NULL);
CREATE TABLE file (id INTEGER PRIMARY KEY, folder_id INTEGER NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL);
"""

READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}


def authorize(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    """Allows reading the two tables, calling built-in functions and nothing else."""
    if action not in READING:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_READ and (first or "").startswith("sqlite_"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def answer(query: str, tables: dict[str, Any]) -> dict[str, Any]:
    database = sqlite3.connect(":memory:")
    database.executescript(SCHEMA)
    database.executemany("INSERT INTO folder VALUES (?, ?, ?)", tables["folders"])
    database.executemany("INSERT INTO file VALUES (?, ?, ?, ?)", tables["files"])
    database.commit()
    database.set_authorizer(authorize)
    try:
        cursor = database.execute(query)
        rows = [[value.hex() if isinstance(value, bytes) else value for value in row] for row in cursor]
    except (sqlite3.Error, sqlite3.Warning) as error:
        return {"error": str(error)}
    if cursor.description is None:
        return {"error": "there is no statement in query.sql"}
    return {"columns": [column[0] for column in cursor.description], "rows": rows}


def main() -> None:
    request = json.load(sys.stdin)
    result = answer(request["query"], request)
    with os.fdopen(int(os.environ["ANSWER_PIPE"]), "w") as pipe:
        json.dump({"nonce": request["nonce"], **result}, pipe)


main()
