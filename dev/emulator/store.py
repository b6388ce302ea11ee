"""The state of the emulated services in one SQLite file."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.requests import Request

Row = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS opsgenie_accounts (
    name TEXT PRIMARY KEY,
    api_key TEXT NOT NULL UNIQUE,
    key_restricted INTEGER NOT NULL,
    plan TEXT NOT NULL,
    max_users INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS opsgenie_users (
    number INTEGER PRIMARY KEY,
    account TEXT NOT NULL REFERENCES opsgenie_accounts (name) ON DELETE CASCADE,
    id TEXT NOT NULL UNIQUE,
    username TEXT NOT NULL,
    full_name TEXT NOT NULL,
    role TEXT NOT NULL,
    verified INTEGER NOT NULL,
    blocked INTEGER NOT NULL,
    locale TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS opsgenie_users_by_account ON opsgenie_users (account, number);
CREATE TABLE IF NOT EXISTS organizations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    api_key TEXT NOT NULL UNIQUE,
    directory_id TEXT NOT NULL,
    paid INTEGER NOT NULL,
    seats INTEGER
);
CREATE TABLE IF NOT EXISTS uninvitable (
    organization TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    email_key TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (organization, email_key)
);
CREATE TABLE IF NOT EXISTS sso_domains (
    domain TEXT PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS atlassian_accounts (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    email_verified INTEGER NOT NULL,
    status TEXT NOT NULL,
    origin TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS managed_elsewhere (
    account_id TEXT PRIMARY KEY REFERENCES atlassian_accounts (id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS domains (
    organization TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    claim TEXT NOT NULL,
    PRIMARY KEY (organization, name)
);
CREATE TABLE IF NOT EXISTS invitation_mails (
    organization TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    sent_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS members (
    organization TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES atlassian_accounts (id) ON DELETE CASCADE,
    org_admin INTEGER NOT NULL DEFAULT 0,
    added_at TEXT NOT NULL,
    PRIMARY KEY (organization, account_id)
);
CREATE TABLE IF NOT EXISTS sites (
    id TEXT PRIMARY KEY,
    organization TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL UNIQUE,
    url TEXT NOT NULL,
    created_by TEXT,
    created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS site_roles (
    site_id TEXT NOT NULL REFERENCES sites (id) ON DELETE CASCADE,
    account_id TEXT NOT NULL REFERENCES atlassian_accounts (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    PRIMARY KEY (site_id, account_id, role)
);
CREATE TABLE IF NOT EXISTS used_site_names (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS connections (
    opsgenie_account TEXT PRIMARY KEY,
    site_id TEXT NOT NULL REFERENCES sites (id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS calls (endpoint TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""


class Store:
    """One SQLite connection for one event loop; no code awaits inside a transaction, so no locks are needed.

    Committed transactions survive `kill -9` of the process; uncommitted ones leave no trace.
    """

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        # Commits are written to the kernel and synced to disk at checkpoints, so a killed process loses nothing.
        self._connection.executescript(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = normal; PRAGMA foreign_keys = on;"
        )
        self._connection.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block as one transaction. The block must not await."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def rows(self, sql: str, *parameters: object) -> list[Row]:
        """Return all rows of a query."""
        return [dict(row) for row in self._connection.execute(sql, parameters)]

    def row(self, sql: str, *parameters: object) -> Row | None:
        """Return the first row of a query, if there is one."""
        row = self._connection.execute(sql, parameters).fetchone()
        return dict(row) if row else None

    def number(self, sql: str, *parameters: object) -> int:
        """Return the single number that a query selects."""
        return int(self._connection.execute(sql, parameters).fetchone()[0])

    def change(self, sql: str, *parameters: object) -> int:
        """Run a statement; return the number of changed rows."""
        return self._connection.execute(sql, parameters).rowcount

    def change_many(self, sql: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run a statement once for each row."""
        self._connection.executemany(sql, rows)

    def clear(self) -> None:
        """Empty all tables."""
        with self.transaction():
            # Foreign keys delete the rows of the other tables.
            self.change("DELETE FROM opsgenie_accounts")
            self.change("DELETE FROM organizations")
            self.change("DELETE FROM atlassian_accounts")
            self.change("DELETE FROM used_site_names")
            self.change("DELETE FROM calls")


def of(request: Request) -> Store:
    """Return the store of the application that serves this request."""
    store = request.app.state.store
    if not isinstance(store, Store):
        raise TypeError("the application was built without a store")
    return store
