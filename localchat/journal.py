"""A world on disk: one SQLite file, one transaction a call, written before the call is answered.

Each thing in the world is a row that is written anew when it changes; a file's bytes are a row of
their own, written once. With `synchronous=NORMAL` in WAL mode a `kill -9` loses nothing that was
answered; a power cut may lose the last moments, which is fair for a chat that is only tried out.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from localchat.state import Change

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS thing (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (kind, key)
);
CREATE TABLE IF NOT EXISTS blob (
    key TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;
"""

# An update in place keeps the row where it is, so that rows come back in the order they began.
_PUT = """
INSERT INTO thing (kind, key, body) VALUES (?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body
"""


class DiskJournal:
    """The journal a served world keeps."""

    def __init__(self, path: Path) -> None:
        """Open or begin a journal.

        Args:
            path: the SQLite file; its folder is made if missing.

        Raises:
            sqlite3.DatabaseError: the file is no journal, or cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        # The world's lock lets one thread in at a time.
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._database.executescript(_SCHEMA)
        except sqlite3.DatabaseError:
            self._database.close()
            raise

    def write(self, changes: Sequence[Change]) -> None:
        """Write all changes in one transaction.

        Raises:
            sqlite3.DatabaseError: they could not be written; none of them is.
        """
        run = self._database.execute
        run("BEGIN IMMEDIATE")
        try:
            for kind, key, body in changes:
                if kind == "blob":
                    run("INSERT OR REPLACE INTO blob (key, body) VALUES (?, ?)", (key, body))
                elif body is None:
                    run("DELETE FROM thing WHERE kind = ? AND key = ?", (kind, key))
                else:
                    run(_PUT, (kind, key, json.dumps(body, ensure_ascii=False)))
        except BaseException:
            run("ROLLBACK")
            raise
        run("COMMIT")

    def rows(self, kind: str) -> Iterator[tuple[str, Any]]:
        """All things of a kind, oldest first."""
        found = self._database.execute(
            "SELECT key, body FROM thing WHERE kind = ? ORDER BY rowid", (kind,)
        )
        for key, body in found:
            yield key, json.loads(body)

    def blob(self, key: str) -> bytes | None:
        """The bytes of a file."""
        row = self._database.execute("SELECT body FROM blob WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        """Close the file; the world must not change any more."""
        self._database.close()
