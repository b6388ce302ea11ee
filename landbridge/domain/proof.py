"""Proofs of who did something: the portal makes them, workflows record them, and readers of the audit verify them.

Anyone who can write to Temporal can send a request in an admin's name, or a signal that a person used a link. So the
portal, which knows who is signed in and which link was opened, adds a message authentication code (HMAC) over the
message, its sender and the migration. The key is derived from LANDBRIDGE_TOKEN_KEYS and never reaches Temporal.

A workflow cannot verify it, because the key would be in its history. It records the digest of the message, so that a
proof is not valid for another act. An act without a valid proof is attributed to an operator who claims to be someone
else.
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
_DIGEST, _NONCE, _CODE = 12, 4, 16
"""Length in bytes of a message's digest, of the nonce that distinguishes two equal messages, and of the code."""
_START_WITHIN = timedelta(minutes=15)
"""When a migration is requested, it has no run yet to which the proof could be bound. So the proof of a start is valid
only close to the time at which it was made; clocks may differ by minutes."""


class Proofs:
    """Makes and checks proofs. Without keys, it makes no proofs and accepts none."""

    def __init__(self, token_keys: Sequence[str] = ()) -> None:
        """Take the keys that sign links: the first key makes proofs, all keys check them."""
        self._keys = [hmac.digest(key.encode(), _PURPOSE, "sha256") for key in token_keys]

    def __bool__(self) -> bool:
        """Return whether there are keys."""
        return bool(self._keys)

    def of_request(self, by: Actor, act: Act, message: Model, where: str) -> Actor:
        """Return an admin with the proof of this request; return any other actor unchanged.

        `where` is the result of `in_migration`; for the start of a migration, its workflow id alone.
        """
        if not self._keys or by.source is not Source.ADMIN:
            return by
        return replace(by, proof=self._make_proof(by, _digest(act, message), where))

    def of_link(self, used: LinkUsed, claims: LinkClaims) -> LinkUsed:
        """Return the use of a link with the proof that the portal received this link."""
        if not self._keys:
            return used
        where = in_cohort(claims.cohort_id, claims.run)
        return used.model_copy(
            update={"proof": self._make_proof(Actor(source=Source.LINK), _digest("link", used), where)}
        )

    def of_role(self, session: AdminSession, session_id: str) -> str:
        """Return the proof that Opsgenie has just confirmed the role of the session's owner or admin.

        `session_id` is the workflow id of the session.
        """
        return self._make_proof(*_role(session), session_id) if self._keys else ""

    def role_confirmed_at(self, proof: str, session: AdminSession, session_id: str) -> datetime | None:
        """Return when `of_role` made this proof, to the second; None if it did not, or did so for another session."""
        made, _, code = proof.rpartition(".")
        if not self._is_valid(code, *_role(session), session_id, made):
            return None
        return _time_in(made)

    def checked_audit(self, audit: Audit, where: str) -> Audit:
        """Return one workflow's audit; acts without a valid proof are attributed to an operator who claims a source."""
        seen: dict[str, datetime] = {}
        entries = [entry.model_copy(update={"by": self._checked_entry(entry, where, seen)}) for entry in audit.entries]
        return audit.model_copy(update={"entries": tuple(entries)})

    def checked_timeline(self, timeline: Iterable[Entry], *, migration: str, cohort: str) -> list[Entry]:
        """Return a person's timeline; entries without a valid proof are attributed as in `checked_audit`."""
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
        """Return the actor of an act at time `at`, after checking and removing the proof.

        A proof is valid for the time at which it is seen first. With the same proof, an act at another time is a copy.
        """
        if by.source not in CLAIMABLE:
            return by
        digest, _, proof = by.proof.partition(".")
        made, _, code = proof.rpartition(".")
        if self._is_valid(code, by, digest, where, made) and seen.setdefault(by.proof, at) == at:
            return replace(by, proof="")
        return _claim(by)

    def _make_proof(self, by: Actor, digest: str, where: str) -> str:
        made = ".".join((format(int(time()), "x"), secrets.token_hex(_NONCE)))
        return ".".join((made, _code(self._keys[0], by, where, digest, made)))

    def _is_valid(self, code: str, by: Actor, digest: str, where: str, made: str) -> bool:
        codes = [_code(key, by, where, digest, made) for key in self._keys]
        return any(hmac.compare_digest(valid.encode(), code.encode()) for valid in codes)


NO_PROOFS = Proofs()
"""For processes without keys."""


def recorded(by: Actor, act: Act, message: Model) -> Actor:
    """Return the sender of a request as a workflow records it: the proof, if any, with the digest of the request."""
    return _recorded(by, by.proof, _digest(act, message))


def recorded_link(used: LinkUsed) -> Actor:
    """Return the person who used a link, recorded in the same way."""
    return _recorded(Actor(source=Source.LINK), used.proof, _digest("link", used))


def in_migration(opsgenie_account: str, run: str) -> str:
    """Return the context to which proofs of requests in one migration are bound; `run`: see `domain.ids.run_of`."""
    return " ".join((ids.migration(opsgenie_account), run))


def in_cohort(cohort_id: str, run: str) -> str:
    """Return the context to which proofs of links in one cohort are bound; it includes the migration's run."""
    return f"{cohort_id} {run}"


def _recorded(by: Actor, proof: str, digest: str) -> Actor:
    return replace(by, proof=f"{digest}.{proof}" if proof and by.source in CLAIMABLE else "")


def _digest(act: str, message: Model) -> str:
    """Return a digest of the content of a message.

    Fields with their default value are left out, so that a release that adds a field computes the same digest.
    """
    content = message.model_dump(mode="json", exclude={"by", "proof"}, exclude_defaults=True)
    encoded = json.dumps([str(act), content], sort_keys=True).encode()
    return hashlib.sha256(encoded).hexdigest()[: 2 * _DIGEST]


def _made_at(recorded_proof: str) -> datetime:
    """Return when a recorded proof was made; it must be valid."""
    return _time_in(recorded_proof.partition(".")[2])


def _time_in(made: str) -> datetime:
    """Return the time at the beginning of a proof."""
    return datetime.fromtimestamp(int(made.partition(".")[0], 16), UTC)


def _role(session: AdminSession) -> tuple[Actor, str]:
    """Return the actor and the digest of a proof of role."""
    return Actor(source=Source.ADMIN, name=session.email), _digest("role", session)


def _code(key: bytes, by: Actor, where: str, digest: str, made: str) -> str:
    encoded = json.dumps([where, str(by.source), by.name, digest, made]).encode()
    return hmac.digest(key, encoded, "sha256").hex()[: 2 * _CODE]


def _claim(by: Actor) -> Actor:
    return Actor(source=Source.OPERATOR, name=by.name, claimed=by.source)
