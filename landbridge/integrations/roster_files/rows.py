"""The columns and rows of a roster file of any format."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from landbridge.domain import addresses
from landbridge.domain.errors import BadInput
from landbridge.domain.roster import MAX_PEOPLE, ProblemKind, RosterPerson, RosterProblem
from landbridge.domain.text import NO_TEXT, Text, text
from landbridge.integrations.roster_files.values import BY_HAND, EXPORTED, InvalidValue, shown

COLUMNS = ("email", "name", "role", "email_verified", "blocked", "sso", "locale")
"""The columns of a roster; only `email` is required."""
MAX_COLUMNS = 1000
"""Maximum number of headings in one file; an export of Opsgenie has about 20."""
_SPELLINGS = {column.replace("_", ""): column for column in COLUMNS} | {
    "username": "email",
    "fullname": "name",
    "verified": "email_verified",
}
"""Headings without case, spaces, hyphens and underscores; the last three are Opsgenie's own."""


def column(heading: str) -> str | None:
    """Return the column of `COLUMNS` that a heading means; None if it is unknown."""
    return _SPELLINGS.get(_normal(heading))


def columns(headings: Sequence[str]) -> dict[str, int]:
    """Return the position of each column.

    Unknown headings are ignored only in an export of Opsgenie (`is_export`), which contains other data of users too.
    In any other file, and if a heading looks like a typo, ignoring it could lose data.

    Raises:
        BadInput: a heading is unknown or duplicated, or there are more than `MAX_COLUMNS`.

    """
    if len(headings) > MAX_COLUMNS:
        raise BadInput(f"There are {len(headings):,} columns, which no roster has: at most {MAX_COLUMNS:,}.")
    found: dict[str, int] = {}
    exported = is_export(headings)
    for at, heading in enumerate(headings):
        known = column(heading)
        if known is None:
            meant = _likely_column(heading, exported=exported)
            if meant:
                raise BadInput(
                    f"The column {shown(heading)} is not known; did you mean {meant!r}? Rename it, or remove it if it "
                    "holds something else."
                )
            if not exported:
                raise BadInput(f"The column {shown(heading)} is not known; remove it. Known are {', '.join(COLUMNS)}.")
        elif known in found:
            raise BadInput(
                f"Two columns give {known!r}: {shown(headings[found[known]])} and {shown(heading)}; remove one."
            )
        else:
            found[known] = at
    return found


def _normal(heading: str) -> str:
    return re.sub(r"[\s_-]+", "", heading).casefold()


def _likely_column(heading: str, *, exported: bool) -> str | None:
    """Return the column that an unknown heading most likely means; None if no column is similar."""
    normal = _normal(heading)
    close = get_close_matches(normal, _SPELLINGS, n=1, cutoff=0.8)
    # Such as "Email address", "E-Mail-Adresse", "Display name". Not in exports: other columns there have such names.
    inside = [] if exported else sorted((known for known in _SPELLINGS if known in normal), key=len, reverse=True)
    return next((_SPELLINGS[known] for known in (*close, *inside)), None)


def is_export(headings: Sequence[str]) -> bool:
    """Return whether the headings are from an export of Opsgenie, which has the heading `username`."""
    return any(heading.strip().casefold() == "username" for heading in headings)


MAX_PROBLEMS = 10_000
"""Maximum number of problems in one file. A file with more is not a roster, so the rest of it is not read."""
_SHOWN_PROBLEMS = 5


class Reading(NamedTuple):
    """The content of a roster file."""

    people: list[RosterPerson]
    """A person for each row, in the file's order; a row that cannot be used has a `problem`."""
    problems: list[RosterProblem]
    """Everything that has to be fixed; if empty, the roster can be used."""


class RosterCheck:
    """Checks rows one by one, and collects people and problems."""

    def __init__(self) -> None:
        self.last_row = 0
        """Number of the last row."""
        self._people: list[RosterPerson] = []
        self._problems: list[RosterProblem] = []
        self._first_rows: dict[str, int] = {}

    def add(self, row: int, values: Mapping[str, object], *, exported: bool, misfit: Text = NO_TEXT) -> None:
        """Check a row.

        Arguments:
            row: its number.
            values: its values by column.
            exported: whether the file is an export of Opsgenie.
            misfit: why the values cannot be assigned to columns, as a clause; the row is then not checked further.

        Raises:
            BadInput: there are more than `MAX_PEOPLE` rows, or more than `MAX_PROBLEMS` problems.

        """
        self.last_row = row
        if len(self._people) == MAX_PEOPLE:
            raise BadInput(f"The roster has more than {MAX_PEOPLE:,} people, which is more than Landbridge moves.")
        if misfit:
            self._problem(row, ProblemKind.MISSING, f"{misfit[0].upper()}{misfit[1:]}.")
            self._people.append(RosterPerson(email=str(values.get("email", "")), problem=misfit))
            return
        clauses: list[Text] = []
        fields: dict[str, object] = {}
        for name, read in (EXPORTED if exported else BY_HAND).items():
            try:
                fields[name] = read(values.get(name))
            except InvalidValue as found:
                self._problem(row, *found.problem)
                clauses.append(found.clause)
        if "email" not in fields:
            fields["email"] = str(values.get("email") or "")
        elif (first := self._first_rows.setdefault(addresses.key_of_normal(str(fields["email"])), row)) != row:
            self._problem(
                row,
                ProblemKind.DUPLICATE,
                f"{shown(values['email'])} is the mailbox of row {first} again; remove one of the two rows.",
            )
            clauses.append(text("the mailbox is already in row {row}", row=first))
        self._people.append(RosterPerson.model_validate({**fields, "problem": clauses[0] if clauses else NO_TEXT}))

    def finish(self) -> Reading:
        """Return the result, after the last row.

        Raises:
            BadInput: there was no row.

        """
        if not self._people:
            raise BadInput("The roster names nobody.")
        if not any(person.is_admin and not person.problem for person in self._people):
            sentence = (
                "Nobody on the roster is an owner or admin, and only they may start a migration: give their 'role'."
            )
            self._problem(0, ProblemKind.MISSING, sentence)
        return Reading(self._people, self._problems)

    def _problem(self, row: int, kind: ProblemKind, sentence: str) -> None:
        if len(self._problems) == MAX_PROBLEMS:
            first = " ".join(f"Row {problem.row}: {problem.message}" for problem in self._problems[:_SHOWN_PROBLEMS])
            raise BadInput(f"The file has more than {MAX_PROBLEMS:,} problems, so it is probably no roster. {first}")
        self._problems.append(RosterProblem(row=row, kind=kind, message=sentence))
