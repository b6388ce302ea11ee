"""Atlassian accounts: one for each mailbox, whichever organizations they are members of."""

import unicodedata
import uuid
from contextlib import suppress
from datetime import UTC, datetime

import idna

from dev.emulator.store import Row, Store

ACTIVE, INACTIVE, CLOSED = "active", "inactive", "closed"
"""Values of Atlassian's `accountStatus`."""


def now() -> str:
    """Return the time as both services write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def key(email: str) -> str:
    """Return what two spellings of one address share, its domain in Unicode or as DNS has it."""
    local_part, at, domain = unicodedata.normalize("NFC", email.strip()).casefold().rpartition("@")
    with suppress(UnicodeError):
        domain = idna.decode(domain, uts46=True)
    return f"{local_part}{at}{domain}"


def find(store: Store, email: str) -> Row | None:
    """Return the account that has this address."""
    return store.row("SELECT * FROM atlassian_accounts WHERE email_key = ?", key(email))


def ensure(store: Store, email: str, name: str = "", *, origin: str) -> str:
    """Return the id of the account that has this address, created if there is none.

    `origin` says what created it: `seed`, `invitation`, `sign-up` or `single sign-on`.
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
    """Record that the person has proved the address and set the account up."""
    store.change("UPDATE atlassian_accounts SET email_verified = 1 WHERE id = ?", account_id)


def add_to_organization(store: Store, organization: str, account_id: str, *, org_admin: bool = False) -> None:
    """Make the account a member of an organization; a member stays as they are."""
    store.change(
        "INSERT INTO members VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", organization, account_id, org_admin, now()
    )


def signs_in_by_sso(store: Store, email: str) -> bool:
    """Return whether the address is of a domain whose people sign in by single sign-on."""
    domain = key(email).rpartition("@")[2]
    return store.row("SELECT 1 FROM sso_domains WHERE domain = ?", domain) is not None
