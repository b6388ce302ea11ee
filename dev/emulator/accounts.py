"""Atlassian accounts: one for each email address, independent of organizations."""

import unicodedata
import uuid
from contextlib import suppress
from datetime import UTC, datetime

import idna

from dev.emulator.store import Row, Store

ACTIVE, INACTIVE, CLOSED = "active", "inactive", "closed"
"""Values of Atlassian's `accountStatus`."""


def now() -> str:
    """Return the current time in the format of both services."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def key(email: str) -> str:
    """Return a normalized address, so that spellings of one address are equal (case, IDNA or Unicode domain)."""
    local_part, at, domain = unicodedata.normalize("NFC", email.strip()).casefold().rpartition("@")
    with suppress(UnicodeError):
        domain = idna.decode(domain, uts46=True)
    return f"{local_part}{at}{domain}"


def find(store: Store, email: str) -> Row | None:
    """Return the account with this address."""
    return store.row("SELECT * FROM atlassian_accounts WHERE email_key = ?", key(email))


def ensure(store: Store, email: str, name: str = "", *, origin: str) -> str:
    """Return the id of the account with this address; create the account if it does not exist.

    `origin` is recorded for a new account: `seed`, `invitation`, `sign-up` or `single sign-on`.
    """
    store.change(
        "INSERT INTO atlassian_accounts VALUES (?, ?, ?, ?, 0, ?, ?, ?) ON CONFLICT (email_key) DO NOTHING",
        f"712020:{uuid.uuid4()}",
        email.strip(),
        key(email),
        name or email.strip().split("@")[0],
        ACTIVE,
        origin,
        now(),
    )
    account = find(store, email)
    return str(account["id"]) if account else ""


def verify(store: Store, account_id: str) -> None:
    """Record that the person has set up the account, which verifies the address."""
    store.change("UPDATE atlassian_accounts SET email_verified = 1 WHERE id = ?", account_id)


def add_to_organization(store: Store, organization: str, account_id: str, *, org_admin: bool = False) -> None:
    """Make the account a member of an organization. An existing membership stays unchanged."""
    store.change(
        "INSERT INTO members VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", organization, account_id, org_admin, now()
    )


def signs_in_by_sso(store: Store, email: str) -> bool:
    """Return whether single sign-on is set up for the domain of the address."""
    domain = key(email).rpartition("@")[2]
    return store.row("SELECT 1 FROM sso_domains WHERE domain = ?", domain) is not None
