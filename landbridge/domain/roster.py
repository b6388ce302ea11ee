"""The roster: the people of one Opsgenie account, checked whole before anything else happens."""

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
"""People in one cohort, as a rule: their state stays well under Temporal's payload warning at 512 KiB."""
MAX_COHORTS = 400
"""Cohorts of one migration; beyond it they grow. Temporal holds at most 2,000 children pending, we keep to 500."""
MAX_PEOPLE = 500_000
"""People on one roster, from a file or from Opsgenie: five times the largest that is tested. It bounds the memory that
a wrong file or a wrong answer can take."""
_TWICE = text("the roster lists the same mailbox twice")


class RosterPerson(Model):
    """One person as Opsgenie (or a roster file) describes them."""

    email: str
    """The Opsgenie username, normalised by `domain.addresses`; as it was found where `problem` says it is unusable."""
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
    """Opsgenie's `locale`, for example `de_DE`; empty where unknown."""
    problem: Text = NO_TEXT
    """Why this row cannot be used; empty if it can."""

    @property
    def key(self) -> str:
        """What this row's address shares with its other spellings; see `domain.addresses.key`."""
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
    """As `RosterPerson.locale`: the language of their notices."""


class RosterSurvey(Model):
    """What is known of a roster once it was read and checked whole; it names only owners and admins."""

    total: int
    """People on the roster."""
    digest: str
    """Changes whenever the roster does; see `digest`."""
    admins: list[AccountAdmin] = Field(default_factory=list)
    """All owners and admins."""
    problems: int = 0
    """Rows that cannot be used."""

    @property
    def cohorts(self) -> int:
        """How many cohorts look after these people."""
        return cohorts_for(self.total)

    def has_admin(self, email: str) -> bool:
        """Whether this is the address of an owner or admin, who may initiate the migration (the guide, step 1)."""
        key = addresses.key(email)
        return any(addresses.key(leader.email) == key for leader in self.admins)


class ProblemKind(StrEnum):
    """What can be wrong with a row."""

    INVALID_ADDRESS = "invalid address"
    DUPLICATE = "duplicate"
    MISSING = "missing value"
    UNKNOWN_VALUE = "unknown value"


class RosterProblem(Model):
    """One problem of a roster, described so that a person can fix it."""

    row: int
    """In CSV the line on which it begins, the header being 1; in JSON its place in the list, counted from 1; 0 for the
    file as a whole."""
    kind: ProblemKind
    message: str
    """What is wrong and what to do. Shown to the provider of the roster, never logged: it may contain an address."""


def survey(people: Sequence[RosterPerson]) -> RosterSurvey:
    """Sum up a roster that was read whole."""
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
    """Return which of `cohorts` cohorts (counted from 1) looks after an address.

    Anyone can work it out, so neither the migration nor a link needs a directory of addresses.
    """
    return _cohort_of_key(addresses.key(email), cohorts)


def _cohort_of_key(key: str, cohorts: int) -> int:
    hashed = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(hashed[:8], "big") % cohorts + 1


def divide(
    people: Iterable[RosterPerson], cohorts: int, moved: Mapping[str, int] | None = None
) -> dict[int, list[RosterPerson]]:
    """Return each cohort's people by its number, in the roster's order; a cohort may be empty.

    `moved` names the cohort of addresses that are not where `cohort_of` says, by `domain.addresses.key`.
    """
    divided: dict[int, list[RosterPerson]] = {number: [] for number in range(1, cohorts + 1)}
    for person in people:
        divided[(moved or {}).get(person.key) or _cohort_of_key(person.key, cohorts)].append(person)
    return divided


def mark_duplicates(people: Iterable[RosterPerson]) -> list[RosterPerson]:
    """Return the roster with every second row of one mailbox marked as a problem; the first one counts."""
    seen: set[str] = set()
    marked = []
    for person in people:
        again = person.key in seen and not person.problem
        marked.append(person.model_copy(update={"problem": _TWICE}) if again else person)
        seen.add(person.key)
    return marked
