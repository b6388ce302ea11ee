"""(d) DBOS Transact on SQLite, as durable as the local Temporal server: write-ahead log and `synchronous=1`."""

import sqlite3
from collections.abc import Sequence

from sqlalchemy import Engine, event

from benchmarks.contestant import WORKER
from benchmarks.contestants.dbos_person import URL, DbosPerson
from benchmarks.world import World
from dev.stack.processes import Program


class DbosSqlite(DbosPerson):
    """Uses an SQLite file that all its programs share."""

    name = "dbos_sqlite"
    poll_seconds = 0.1

    def missing(self) -> str:
        """Return nothing: SQLite is part of Python."""
        return ""

    def versions(self) -> str:
        """Return the versions of DBOS and SQLite."""
        return f"{super().versions()}, SQLite {sqlite3.sqlite_version}"

    def store(self, world: World) -> str:
        """Return the database URL."""
        return f"sqlite:///{world.folder / 'dbos.db'}"

    def programs(self, world: World) -> Sequence[Program]:
        """Return the worker, the only program."""
        world.variables[URL] = self.store(world)
        return [world.python(WORKER, "-m", "benchmarks.work", self.name)]


@event.listens_for(Engine, "connect")
def _tune(connection: object, _: object) -> None:
    """Set the pragmas for every SQLite connection. PostgreSQL connections also fire this event."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("PRAGMA synchronous = normal")


CONTESTANT = DbosSqlite()
