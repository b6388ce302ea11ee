"""Who may send requests and facts to a migration."""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime

from landbridge.domain import addresses
from landbridge.domain.people import Actor, Source
from landbridge.domain.roster import AccountAdmin
from landbridge.domain.text import NO_TEXT, Text, text

_ADMINS_ONLY = text("Only an owner or admin of the Opsgenie account may do this, and this address belongs to neither.")
_PEOPLE_ONLY = text("A request must name who makes it: an owner, an admin or an operator.")


def admin_keys(admins: Iterable[AccountAdmin]) -> list[str]:
    """Return a short hash for each owner and admin; all spellings of an address have the same hash."""
    return sorted({_key(admin.email) for admin in admins})


def denial_reason(by: Actor, admins: Collection[str]) -> Text:
    """Return why a sender may not send requests to a migration, as a sentence; empty if they may.

    An operator has access to Temporal, so Temporal's own authorization decides who is an operator. An owner or admin
    uses the portal, with an address whose key is among the `admins`.
    """
    match by.source:
        case Source.OPERATOR:
            return NO_TEXT
        case Source.ADMIN:
            return NO_TEXT if _key(by.name) in admins else _ADMINS_ONLY
        case _:
            return _PEOPLE_ONLY


def has_lost_role(email: str, confirmed_at: datetime, admins: Collection[str], roster_read_at: datetime | None) -> bool:
    """Return whether an address is known to belong to no current owner or admin.

    That is the case if it is not among the `admins` of the newest roster, and this roster was read from Opsgenie after
    `confirmed_at`, when Opsgenie last confirmed the role. `roster_read_at` is None if no roster came from Opsgenie.
    A roster without any owner or admin was read incompletely and proves nothing.
    """
    newer = roster_read_at is not None and roster_read_at > confirmed_at
    return newer and bool(admins) and _key(email) not in admins


def resolve_actor(by: Actor, admins: Collection[str]) -> Actor | None:
    """Return the actor to record for a signal; None if the signal must be ignored.

    A signal cannot be refused. Services and links do not send these signals, so a signal that claims one of them as its
    source was sent by an operator; the actor keeps the claim. A signal from an address that is not an owner's or
    admin's is ignored.
    """
    if not denial_reason(by, admins):
        return by
    if by.source is Source.ADMIN:
        return None
    return Actor(source=Source.OPERATOR, name=by.name, claimed=by.source)


def _key(email: str) -> str:
    return hashlib.sha256(addresses.key(email).encode()).hexdigest()[:16]
