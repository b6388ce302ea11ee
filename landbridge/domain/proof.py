"""Proofs of who did something: the portal makes them, workflows record them, and readers of the audit verify them.

Anyone who can write to Temporal can send a request in an admin's name, or a signal that a person used a link. So the
portal, which knows who is signed in and which link was opened, adds a message authentication code (HMAC) over the
message, its sender and the migration. The key is derived from LANDBRIDGE_TOKEN_KEYS and never reaches Temporal.

A workflow cannot verify it, because the key would be in its history. It records the digest of the message, so that a
proof is not valid for another act. An act without a valid proof is shown as that of an operator who claims to be
someone else.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import time

from landbridge.domain import ids
from landbridge.domain.audit import Act, Audit, AuditEntry
from landbridge.domain.base import Model
from landbridge.domain.links import LinkClaims
from landbridge.domain.messages import LinkUsed
from landbridge.domain.people import CLAIMABLE, Actor, Entry, Source
from landbridge.domain.sign_in import AdminSession

_PURPOSE = b"landbridge proof of who did something"
_DIGEST, _RANDOM, _CODE = 12, 4, 16
"""Bytes of a message's digest, of what tells two equal messages apart, and of the code."""
_START_WITHIN = timedelta(minutes=15)
"""A migration has no run yet when it is requested. So the proof of its start counts only at the time at which it was
made; clocks may differ by minutes."""


class Proofs:
    """Makes and checks proofs; without keys it makes none and finds none valid."""

    def __init__(self, token_keys: Sequence[str] = ()) -> None:
        """Take the keys that sign links: the first one makes proofs, all check them."""
        self._keys = [hmac.digest(key.encode(), _PURPOSE, "sha256") for key in token_keys]

    def __bool__(self) -> bool:
        """Return whether there are keys."""
        return bool(self._keys)

    def of_request(self, by: Actor, act: Act, message: Model, where: str) -> Actor:
        """Return an admin with the proof that this request is theirs; anybody else as they are.

        `where`: see `in_migration`; for its start, only the migration's workflow id.
        """
        if not self._keys or by.source is not Source.ADMIN:
            return by
        return replace(by, proof=self._made(by, _digest(act, message), where))

    def of_link(self, used: LinkUsed, claims: LinkClaims) -> LinkUsed:
        """Return the use of a link with the proof that the link was ours."""
        if not self._keys:
            return used
        where = in_cohort(claims.cohort_id, claims.run)
        return used.model_copy(update={"proof": self._made(Actor(source=Source.LINK), _digest("link", used), where)})

    def of_role(self, session: AdminSession, session_id: str) -> str:
        """Return the proof that Opsgenie has confirmed, now, the role of the owner or admin whose session this is.

        `session_id` is the workflow id of the session.
        """
        return self._made(*_role(session), session_id) if self._keys else ""

    def role_confirmed_at(self, proof: str, session: AdminSession, session_id: str) -> datetime | None:
        """Return when `of_role` made a proof, to the second; None where it was not made, or for another session."""
        made, _, code = proof.rpartition(".")
        if not self._is_valid(code, *_role(session), session_id, made):
            return None
        return _time_in(made)

    def checked_audit(self, audit: Audit, where: str) -> Audit:
        """Return what one workflow recorded; what is not proven is an operator's act, who claims to be an admin."""
        seen: dict[str, datetime] = {}
        entries = [entry.model_copy(update={"by": self._checked_entry(entry, where, seen)}) for entry in audit.entries]
        return audit.model_copy(update={"entries": tuple(entries)})

    def checked_timeline(self, timeline: Iterable[Entry], *, migration: str, cohort: str) -> list[Entry]:
        """Return a person's timeline; what is not proven is an operator's, who claims to be an admin or the person."""
        seen: dict[str, datetime] = {}
        return [
            replace(
                entry,
                by=self._checked(entry.by, entry.at, cohort if entry.by.source is Source.LINK else migration, seen),
            )
            for entry in timeline
        ]

    def _checked_entry(self, entry: AuditEntry, where: str, seen: dict[str, datetime]) -> Actor:
        if entry.act is not Act.START:
            return self._checked(entry.by, entry.at, where, seen)
        by = self._checked(entry.by, entry.at, where.partition(" ")[0], seen)
        if by.source in CLAIMABLE and abs(entry.at - _made_at(entry.by.proof)) > _START_WITHIN:
            return _claim(by)
        return by

    def _checked(self, by: Actor, at: datetime, where: str, seen: dict[str, datetime]) -> Actor:
        """Return who did something at a time, without the proof.

        A proof counts for one moment: what comes later with the same one is a copy.
        """
        if by.source not in CLAIMABLE:
            return by
        digest, _, proof = by.proof.partition(".")
        made, _, code = proof.rpartition(".")
        if self._is_valid(code, by, digest, where, made) and seen.setdefault(by.proof, at) == at:
            return replace(by, proof="")
        return _claim(by)

    def _made(self, by: Actor, digest: str, where: str) -> str:
        made = ".".join((format(int(time()), "x"), secrets.token_hex(_RANDOM)))
        return ".".join((made, _code(self._keys[0], by, where, digest, made)))

    def _is_valid(self, code: str, by: Actor, digest: str, where: str, made: str) -> bool:
        codes = [_code(key, by, where, digest, made) for key in self._keys]
        return any(hmac.compare_digest(one.encode(), code.encode()) for one in codes)


NO_PROOFS = Proofs()
"""For processes without keys."""


def recorded(by: Actor, act: Act, message: Model) -> Actor:
    """Return who asked for something, as a workflow records it: the proof, if any, beside the digest of the request."""
    return _recorded(by, by.proof, _digest(act, message))


def recorded_link(used: LinkUsed) -> Actor:
    """Return the person who used a link, in the same way."""
    return _recorded(Actor(source=Source.LINK), used.proof, _digest("link", used))


def in_migration(opsgenie_account: str, run: str) -> str:
    """Return what the proofs of requests in one migration are bound to; `run`: see `domain.ids.run_of`."""
    return " ".join((ids.migration(opsgenie_account), run))


def in_cohort(cohort_id: str, run: str) -> str:
    """Return what the proofs of links in one cohort are bound to, in which a person has a number."""
    return f"{cohort_id} {run}"


def _recorded(by: Actor, proof: str, digest: str) -> Actor:
    return replace(by, proof=f"{digest}.{proof}" if proof and by.source in CLAIMABLE else "")


def _digest(act: str, message: Model) -> str:
    """Return a digest of the content of a message.

    Fields at their defaults are left out, so that releases that add a field agree with those before them.
    """
    content = message.model_dump(mode="json", exclude={"by", "proof"}, exclude_defaults=True)
    said = json.dumps([str(act), content], sort_keys=True).encode()
    return hashlib.sha256(said).hexdigest()[: 2 * _DIGEST]


def _made_at(recorded_proof: str) -> datetime:
    """Return when a proof was made that is known to be valid."""
    return _time_in(recorded_proof.partition(".")[2])


def _time_in(made: str) -> datetime:
    """Return the time that `Proofs` wrote at the beginning of a proof."""
    return datetime.fromtimestamp(int(made.partition(".")[0], 16), UTC)


def _role(session: AdminSession) -> tuple[Actor, str]:
    """Return who has a role, and the digest of that list."""
    return Actor(source=Source.ADMIN, name=session.email), _digest("role", session)


def _code(key: bytes, by: Actor, where: str, digest: str, made: str) -> str:
    said = json.dumps([where, str(by.source), by.name, digest, made]).encode()
    return hmac.digest(key, said, "sha256").hex()[: 2 * _CODE]


def _claim(by: Actor) -> Actor:
    return Actor(source=Source.OPERATOR, name=by.name, claimed=by.source)
