"""The people of one cohort: find them, apply events to them, and determine what is due when."""

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


def _cached(answer: Callable[["CohortPeople"], _Answer]) -> Callable[["CohortPeople"], _Answer]:
    """Cache the result of a method until a person changes: a workflow re-checks its conditions very often."""

    @functools.wraps(answer)
    def cached(people: "CohortPeople") -> _Answer:
        answers = people._answers  # noqa: SLF001 - a decorator of this class
        if answer.__name__ not in answers:
            answers[answer.__name__] = answer(people)
        return answers[answer.__name__]  # type: ignore[return-value]  # each name has its own type

    return cached


class CohortPeople:
    """Everyone in a cohort, by number and by mailbox."""

    def __init__(self, people: Iterable[Person] = ()) -> None:
        self._answers: dict[str, object] = {}
        self._by_number = {person.number: person for person in people}
        self._numbers: dict[str, int] = {}
        for person in self._by_number.values():
            self._index(person)

    def _index(self, person: Person) -> None:
        """Index a person by all current and former addresses; the first row of a mailbox keeps it."""
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
        """Add the person of a roster row; return the person if the cohort has them already, or None if they are new.

        An unusable row is a person of its own, even if another person has the same address.
        """
        known = self._numbers.get(row.key)
        if known is not None and not (row.problem and not self._has_row(row)):
            return self._by_number[known]
        number = len(self._by_number) + 1
        self._set(arrive(number, row, now))
        self._index(self._by_number[number])
        return None

    def _set(self, person: Person) -> None:
        self._by_number[person.number] = person
        self._answers.clear()

    def _has_row(self, row: RosterPerson) -> bool:
        return any(
            row.email in person.former_emails or (person.email == row.email and person.problem == row.problem)
            for person in self._by_number.values()
        )

    def apply(self, number: int, event: Event, now: datetime, rules: Rules) -> bool:
        """Apply an event to one person; return whether it changed the person. An unknown number changes nothing."""
        before = self._by_number.get(number)
        if before is None:
            return False
        person = lifecycle.transition(before, event, now, rules)
        if person is before:
            return False
        self._set(person)
        if person.email != before.email:
            self._index(person)
        return True

    def accounts_due(self, now: datetime, limit: int) -> list[Person]:
        """Return the people whose Atlassian accounts are to be looked up or created now."""
        return list(islice((p for p in self._by_number.values() if lifecycle.needs_account(p, now)), limit))

    def mails_due(self, now: datetime, limit: int, last: Collection[int] = ()) -> list[tuple[Person, Mail]]:
        """Return the emails to send now, each with its recipient; the people numbered in `last` come last."""
        people = sorted(self._by_number.values(), key=lambda person: person.number in last)
        due = ((person, lifecycle.due_mail(person, now)) for person in people)
        return list(islice(((person, mail) for person, mail in due if mail is not None), limit))

    @_cached
    def next_account(self) -> datetime | None:
        """Return when the next account is to be looked up or created."""
        return self._next_due(lambda person: person.state is State.ARRIVED)

    @_cached
    def next_mail(self) -> datetime | None:
        """Return when the next email is due."""
        return self._next_due(lambda person: person.state in MAILED)

    def _next_due(self, applies_to: Callable[[Person], bool]) -> datetime | None:
        dues = (person.due for person in self._by_number.values() if person.due is not None and applies_to(person))
        return min(dues, default=None)

    @_cached
    def to_look_up(self) -> list[Person]:
        """Return the people to poll Atlassian about: everyone who has an account and is not settled."""
        return [person for person in self._by_number.values() if person.account_id and not person.settled]

    @_cached
    def opened(self) -> bool:
        """Return whether every account was looked up and every first email was tried."""
        return not any(
            person.state is State.ARRIVED
            or (person.state in MAILED and not person.mails_in_state and not person.deferrals)
            for person in self._by_number.values()
        )

    @_cached
    def moved(self) -> list[str]:
        """Return all corrected addresses: these may hash to another cohort."""
        corrected = (person for person in self._by_number.values() if person.former_emails)
        # The first address is the roster's.
        return [email for person in corrected for email in (*person.former_emails, person.email)[1:]]

    @_cached
    def settled(self) -> bool:
        """Return whether everyone is settled."""
        return all(person.settled for person in self._by_number.values())

    @_cached
    def counts(self) -> Counts:
        """Return how many people are in each state."""
        counted = Counter(person.state for person in self._by_number.values())
        return Counts(by_state={state: counted[state] for state in State if counted[state]})

    def page(self, query: PeopleQuery) -> PeoplePage:
        """Return the people who match a query, and the number of the next match; timelines only for a single person."""
        wanted = self._wanted(query)
        found = list(islice(wanted, query.limit))
        after = next(wanted, None)
        people = found if query.one else [replace(person, timeline=[]) for person in found]
        return PeoplePage(people=people, next=after.number if after else 0)

    def _wanted(self, query: PeopleQuery) -> Iterator[Person]:
        search = Search(query.search)
        if query.one:
            found = self.get(query.person) if query.person else self.find(query.email)
            people = [found] if found else []
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
    """Return people as a compressed text: uncompressed, long timelines would exceed the limit of a payload."""
    return base64.b85encode(zlib.compress(_PEOPLE.dump_json(people))).decode()


def unpacked(text: str) -> list[Person]:
    """Return the people in a text that `packed` returned."""
    return _PEOPLE.validate_json(zlib.decompress(base64.b85decode(text))) if text else []
