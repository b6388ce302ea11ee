"""The people of one cohort as a collection: who is who, who needs what now, and when the next is due."""

import base64
import functools
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from pydantic import ConfigDict, TypeAdapter

from landbridge.domain import addresses, lifecycle
from landbridge.domain.events import Event
from landbridge.domain.lifecycle import Mail
from landbridge.domain.messages import PeoplePage, PeopleQuery
from landbridge.domain.people import MAILED, Counts, Person, State, arrive
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from landbridge.domain.search import Search

_PEOPLE = TypeAdapter(list[Person], config=ConfigDict(hide_input_in_errors=True))
_Answer = TypeVar("_Answer")


def _remembered(answer: Callable[["CohortPeople"], _Answer]) -> Callable[["CohortPeople"], _Answer]:
    """Work an answer out once, until somebody changes: a workflow's conditions ask again with each step they take."""

    @functools.wraps(answer)
    def remembered(people: "CohortPeople") -> _Answer:
        answers = people._answers  # noqa: SLF001 - its own
        if answer.__name__ not in answers:
            answers[answer.__name__] = answer(people)
        return answers[answer.__name__]  # type: ignore[return-value]  # each name has its own type

    return remembered


class CohortPeople:
    """Everyone a cohort looks after, by number and by mailbox."""

    def __init__(self, people: Iterable[Person] = ()) -> None:
        self._answers: dict[str, object] = {}
        self._by_number = {person.number: person for person in people}
        self._numbers: dict[str, int] = {}
        for person in self._by_number.values():
            self._index(person)

    def _index(self, person: Person) -> None:
        """Find a person by each address they ever had; the first row of a mailbox keeps it."""
        for email in (person.email, *person.former_emails):
            self._numbers.setdefault(addresses.key(email), person.number)

    def __len__(self) -> int:
        return len(self._by_number)

    def everyone(self) -> list[Person]:
        """Return all people, in the order of their numbers."""
        return list(self._by_number.values())

    def get(self, number: int) -> Person | None:
        """Return the person with a number."""
        return self._by_number.get(number)

    def find(self, email: str) -> Person | None:
        """Return the person with an address, in any spelling."""
        number = self._numbers.get(addresses.key(email))
        return None if number is None else self._by_number[number]

    def receive(self, row: RosterPerson, now: datetime) -> Person | None:
        """Take a row of the roster; return the person it already stands for, or None if it is someone new.

        A row that cannot be used is someone of its own, even where its address is another's.
        """
        known = self._numbers.get(row.key)
        if known is not None and not (row.problem and not self._stands_for(row)):
            return self._by_number[known]
        number = len(self._by_number) + 1
        self._set(arrive(number, row, now))
        self._index(self._by_number[number])
        return None

    def _set(self, person: Person) -> None:
        self._by_number[person.number] = person
        self._answers.clear()

    def _stands_for(self, row: RosterPerson) -> bool:
        return any(
            row.email in person.former_emails or (person.email == row.email and person.problem == row.problem)
            for person in self._by_number.values()
        )

    def apply(self, number: int, event: Event, now: datetime, rules: Rules) -> None:
        """Apply an event to one person; an unknown number changes nothing."""
        before = self._by_number.get(number)
        if before is None:
            return
        person = lifecycle.after(before, event, now, rules)
        if person is before:
            return
        self._set(person)
        if person.email != before.email:
            self._index(person)

    def accounts_due(self, now: datetime, limit: int) -> list[Person]:
        """Return whose Atlassian account is to be looked up or created now."""
        return list(islice((one for one in self._by_number.values() if lifecycle.needs_account(one, now)), limit))

    def mails_due(self, now: datetime, limit: int, last: Collection[int] = ()) -> list[tuple[Person, Mail]]:
        """Return who is to get which mail now; the people numbered in `last` come after all others."""
        people = sorted(self._by_number.values(), key=lambda person: person.number in last)
        due = ((person, lifecycle.due_mail(person, now)) for person in people)
        return list(islice(((person, mail) for person, mail in due if mail is not None), limit))

    @_remembered
    def next_account(self) -> datetime | None:
        """Return when the next account is to be looked up."""
        return self._next_due(lambda person: person.state is State.ARRIVED)

    @_remembered
    def next_mail(self) -> datetime | None:
        """Return when the next mail is to go out."""
        return self._next_due(lambda person: person.state in MAILED)

    def _next_due(self, concerned: Callable[[Person], bool]) -> datetime | None:
        dues = (person.due for person in self._by_number.values() if person.due is not None and concerned(person))
        return min(dues, default=None)

    @_remembered
    def to_ask_about(self) -> list[Person]:
        """Return whom Atlassian is asked about: everyone who waits and has an account there."""
        return [person for person in self._by_number.values() if person.account_id and not person.settled]

    @_remembered
    def opened(self) -> bool:
        """Return whether everyone's account is known and everyone's first mail was tried."""
        return not any(
            person.state is State.ARRIVED
            or (person.state in MAILED and not person.mails_in_state and not person.deferrals)
            for person in self._by_number.values()
        )

    @_remembered
    def moved(self) -> list[str]:
        """Return every address that people were given by a correction: its hash may name another cohort."""
        corrected = (person for person in self._by_number.values() if person.former_emails)
        # The first one is the roster's.
        return [email for person in corrected for email in (*person.former_emails, person.email)[1:]]

    @_remembered
    def settled(self) -> bool:
        """Return whether nobody is awaited."""
        return all(person.settled for person in self._by_number.values())

    @_remembered
    def counts(self) -> Counts:
        """Return how many people are in each state."""
        counted = Counter(person.state for person in self._by_number.values())
        return Counts(by_state={state: counted[state] for state in State if counted[state]})

    def page(self, query: PeopleQuery) -> PeoplePage:
        """Return the people a query asks for, and who would be next; with the timeline only of a single person."""
        wanted = self._wanted(query)
        found = list(islice(wanted, query.limit))
        after = next(wanted, None)
        people = found if query.one else [replace(person, timeline=[]) for person in found]
        return PeoplePage(people=people, next=after.number if after else 0)

    def _wanted(self, query: PeopleQuery) -> Iterator[Person]:
        search = Search(query.search)
        if query.one:
            one = self.get(query.person) if query.person else self.find(query.email)
            people = [one] if one else []
        else:
            people = self.everyone()
        return (
            person
            for person in people
            if person.number >= query.start
            and (not query.states or person.state in query.states)
            and search.finds(person)
        )


def packed(people: list[Person]) -> str:
    """Return people as a short text for the next run: with long timelines they would not fit into a payload."""
    return base64.b85encode(zlib.compress(_PEOPLE.dump_json(people))).decode()


def unpacked(text: str) -> list[Person]:
    """Return what `packed` was made of."""
    return _PEOPLE.validate_json(zlib.decompress(base64.b85decode(text))) if text else []
