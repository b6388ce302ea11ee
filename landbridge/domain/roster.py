"""The roster: the people of one Opsgenie account. It is checked completely before anything else happens."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from pydantic import Field

from landbridge.domain import addresses
from landbridge.domain.base import Model
from landbridge.domain.text import NO_TEXT, Text, text

OWNER, ADMIN = "owner", "admin"
ADMIN_ROLES = frozenset({OWNER, ADMIN})
"""Roles that may initiate a migration and are notified of its end (the guide, step 1)."""

COHORT_SIZE = 250
"""Usual number of people in a cohort: their state stays well below 512 KiB, at which Temporal logs a warning."""
MAX_COHORTS = 400
"""Maximum cohorts of one migration; larger rosters get larger cohorts. Temporal allows at most 2,000 pending children;
Landbridge stays within 500."""
MAX_PEOPLE = 500_000
"""Maximum people on one roster, from a file or from Opsgenie: five times the largest roster that is tested. It bounds
the memory that a wrong file or a wrong answer can take."""
_DUPLICATE = text("the roster lists the same mailbox twice")


class RosterPerson(Model):
    """One person as Opsgenie (or a roster file) describes them."""

    email: str
    """The Opsgenie username, normalised by `domain.addresses`; unchanged if `problem` says that it is unusable."""
    name: str = ""
    """Full name, at most 512 characters (Opsgenie's limit)."""
    role: str = "user"
    """`owner`, `admin`, `user`, `stakeholder`, `observer` or the name of a custom role, in lower case."""
    email_verified: bool = False
    """Opsgenie's `verified`: the person has confirmed this address there."""
    blocked: bool = False
    """Opsgenie's `blocked`: the subscription has no seat for them, so they are not moved."""
    sso: bool = False
    """Signs in by single sign-on, so is never asked for a password (the guide, step 7)."""
    locale: str = ""
    """Opsgenie's `locale`, for example `de_DE`; empty if unknown."""
    problem: Text = NO_TEXT
    """Why this row cannot be used; empty if it can."""

    @property
    def key(self) -> str:
        """The key of this row's address, equal for all spellings; see `domain.addresses.key`."""
        return addresses.key(self.email) if self.problem else addresses.key_of_normal(self.email)

    @property
    def is_admin(self) -> bool:
        """Whether this is an owner or an admin of the Opsgenie account."""
        return self.role.casefold() in ADMIN_ROLES


class AccountAdmin(Model):
    """An owner or admin of the Opsgenie account."""

    email: str
    name: str = ""
    role: str = ADMIN
    locale: str = ""
    """As `RosterPerson.locale`; selects the language of notices."""


class RosterSurvey(Model):
    """The summary of a roster that was read and checked completely. It names only owners and admins."""

    total: int
    """Number of people on the roster."""
    digest: str
    """Changes whenever the roster changes; see the function `digest`."""
    admins: list[AccountAdmin] = Field(default_factory=list)
    """All owners and admins."""
    problems: int = 0
    """Number of rows that cannot be used."""

    @property
    def cohorts(self) -> int:
        """Number of cohorts for these people."""
        return cohorts_for(self.total)

    def has_admin(self, email: str) -> bool:
        """Whether this is the address of an owner or admin, who may initiate the migration (the guide, step 1)."""
        key = addresses.key(email)
        return any(addresses.key(admin.email) == key for admin in self.admins)


class ProblemKind(StrEnum):
    """What can be wrong with a row."""

    INVALID_ADDRESS = "invalid address"
    DUPLICATE = "duplicate"
    MISSING = "missing value"
    UNKNOWN_VALUE = "unknown value"


class RosterProblem(Model):
    """One problem of a roster, with what is needed to fix it."""

    row: int
    """In CSV: the line on which the row begins; the header is line 1. In JSON: its position in the list, from 1.
    0: the problem concerns the whole file."""
    kind: ProblemKind
    message: str
    """What is wrong and what to do. Shown to the provider of the roster, never logged: it may contain an address."""


def survey(people: Sequence[RosterPerson]) -> RosterSurvey:
    """Return the summary of a complete roster."""
    return RosterSurvey(
        total=len(people),
        digest=digest(people),
        admins=[
            AccountAdmin(email=p.email, name=p.name, role=p.role, locale=p.locale)
            for p in people
            if p.is_admin and not p.problem
        ],
        problems=sum(bool(p.problem) for p in people),
    )


def digest(people: Iterable[RosterPerson]) -> str:
    """Return a short hash of a roster that does not depend on the order of its rows."""
    rows = sorted(person.model_dump_json() for person in people)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def cohorts_for(total: int) -> int:
    """Return the number of cohorts for a roster of `total` people: at least 1, at most `MAX_COHORTS`."""
    return max(1, min(MAX_COHORTS, -(-total // COHORT_SIZE)))


def cohort_of(email: str, cohorts: int) -> int:
    """Return the number, from 1 to `cohorts`, of the cohort that is responsible for an address.

    It follows from the address alone, so neither the migration nor a link needs a directory of addresses.
    """
    return _cohort_of_key(addresses.key(email), cohorts)


def _cohort_of_key(key: str, cohorts: int) -> int:
    hashed = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(hashed[:8], "big") % cohorts + 1


def divide(
    people: Iterable[RosterPerson], cohorts: int, moved: Mapping[str, int] | None = None
) -> dict[int, list[RosterPerson]]:
    """Return each cohort's people by its number, in the roster's order; a cohort may be empty.

    `moved` contains the cohorts of addresses for which `cohort_of` is wrong, by `domain.addresses.key`.
    """
    divided: dict[int, list[RosterPerson]] = {number: [] for number in range(1, cohorts + 1)}
    for person in people:
        divided[(moved or {}).get(person.key) or _cohort_of_key(person.key, cohorts)].append(person)
    return divided


def mark_duplicates(people: Iterable[RosterPerson]) -> list[RosterPerson]:
    """Return the roster with all but the first row of each mailbox marked as a problem."""
    seen: set[str] = set()
    marked = []
    for person in people:
        is_duplicate = person.key in seen and not person.problem
        marked.append(person.model_copy(update={"problem": _DUPLICATE}) if is_duplicate else person)
        seen.add(person.key)
    return marked
