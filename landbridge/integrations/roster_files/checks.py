"""The rules for a roster file as a whole, whatever its format."""

from collections.abc import Mapping
from typing import NamedTuple

from landbridge.domain import addresses
from landbridge.domain.errors import BadInput
from landbridge.domain.roster import MAX_PEOPLE, ProblemKind, RosterPerson, RosterProblem
from landbridge.domain.text import verbatim
from landbridge.integrations.roster_files.values import BY_HAND, EXPORTED, Wrong, shown

MAX_PROBLEMS = 10_000
"""Problems of one file that are kept; beyond them the file is no roster, and the rest of it is not read."""
_SHOWN_PROBLEMS = 5


class Reading(NamedTuple):
    """A roster file that was read."""

    people: list[RosterPerson]
    """One for every row, in the file's order; those whose row cannot be used say so in `problem`."""
    problems: list[RosterProblem]
    """Everything that is to be mended; empty: the roster can be used."""


class RosterCheck:
    """Takes the rows one by one and keeps what was read and what is wrong."""

    def __init__(self) -> None:
        self.last_row = 0
        """The row that was taken last."""
        self._people: list[RosterPerson] = []
        self._problems: list[RosterProblem] = []
        self._first_rows: dict[str, int] = {}

    def add(self, row: int, values: Mapping[str, object], *, exported: bool, misfit: str = "") -> None:
        """Take a row: its values by column, whether it has Opsgenie's own names.

        A row with a `misfit`, a clause that says why its values cannot be told apart, is not looked at further.

        Raises:
            BadInput: there are more than `MAX_PEOPLE` rows, or more than `MAX_PROBLEMS` problems.

        """
        self.last_row = row
        if len(self._people) == MAX_PEOPLE:
            raise BadInput(f"The roster has more than {MAX_PEOPLE:,} people, which is more than Landbridge moves.")
        if misfit:
            self._problem(row, ProblemKind.MISSING, f"{misfit[0].upper()}{misfit[1:]}.")
            self._people.append(RosterPerson(email=str(values.get("email", "")), problem=verbatim(misfit)))
            return
        wrong: list[str] = []
        fields: dict[str, object] = {}
        for name, read in (EXPORTED if exported else BY_HAND).items():
            try:
                fields[name] = read(values.get(name))
            except Wrong as found:
                self._problem(row, *found.problem)
                wrong.append(found.clause)
        if "email" not in fields:
            fields["email"] = str(values.get("email") or "")
        elif (first := self._first_rows.setdefault(addresses.key_of_normal(str(fields["email"])), row)) != row:
            self._problem(
                row,
                ProblemKind.DUPLICATE,
                f"{shown(values['email'])} is the mailbox of row {first} again; remove one of the two rows.",
            )
            wrong.append(f"the mailbox stands in row {first} already")
        self._people.append(RosterPerson.model_validate({**fields, "problem": wrong[0] if wrong else ""}))

    def finish(self) -> Reading:
        """Return everything, once all rows were taken.

        Raises:
            BadInput: there was none.

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
            first = " ".join(f"Row {problem.row}: {problem.sentence}" for problem in self._problems[:_SHOWN_PROBLEMS])
            raise BadInput(f"The file has more than {MAX_PROBLEMS:,} problems, so it is probably no roster. {first}")
        self._problems.append(RosterProblem(row=row, kind=kind, sentence=sentence))
