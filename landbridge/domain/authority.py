"""Who may ask what of a migration."""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime

from landbridge.domain import addresses
from landbridge.domain.people import Actor, Source
from landbridge.domain.roster import AccountAdmin
from landbridge.domain.text import NO_TEXT, Text, text

_LEADERS_ONLY = text("Only an owner or admin of the Opsgenie account may ask this, and this address is neither.")
_PEOPLE_ONLY = text("A request is somebody's: an owner's, an admin's or an operator's.")


def admin_keys(admins: Iterable[AccountAdmin]) -> list[str]:
    """Return what owners and admins are known by, in any spelling of their addresses; short, and no address."""
    return sorted({_key(leader.email) for leader in admins})


def denial_reason(by: Actor, admins: Collection[str]) -> Text:
    """Return why someone may not ask anything of a migration, as a sentence; empty if they may.

    An operator is whoever can speak to Temporal, and could do all by themselves: Temporal's own authorization says who.
    An owner or admin comes through the portal, by an address that is one of the `admins`.
    """
    match by.source:
        case Source.OPERATOR:
            return NO_TEXT
        case Source.ADMIN:
            return NO_TEXT if _key(by.name) in admins else _LEADERS_ONLY
        case _:
            return _PEOPLE_ONLY


def has_lost_role(email: str, confirmed_at: datetime, admins: Collection[str], roster_read_at: datetime | None) -> bool:
    """Return whether an address is known to be no owner's or admin's any more.

    That is so if it is not among the `admins` of the newest roster, and this roster was read from Opsgenie after
    `confirmed_at`, when Opsgenie last confirmed the role. `roster_read_at`: None if no roster came from Opsgenie.
    A roster without any owner or admin was read badly and says nothing.
    """
    newer = roster_read_at is not None and roster_read_at > confirmed_at
    return newer and bool(admins) and _key(email) not in admins


def resolve_actor(by: Actor, admins: Collection[str]) -> Actor | None:
    """Return whose word a signal brings; none if it does not count.

    A signal cannot be refused. One that claims to be a service's or a person's own was sent by hand all the same: it is
    the word of an operator, which says what it claimed. An address that leads nobody has no word.
    """
    if not denial_reason(by, admins):
        return by
    if by.source is Source.ADMIN:
        return None
    return Actor(source=Source.OPERATOR, name=by.name, claimed=by.source)


def _key(email: str) -> str:
    return hashlib.sha256(addresses.key(email).encode()).hexdigest()[:16]
