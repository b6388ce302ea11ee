"""Deadlines as people type them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from cyclopts import CycloptsError, Parameter, Token, convert

from domain.errors import BadInput

HOW = "A date (its end is meant), a date and time, or a time from now such as 14d or 36h."

_LAST = datetime(9999, 12, 30, tzinfo=UTC)
"""The last moment that has a time in every zone."""


def read(text: str, now: datetime) -> datetime:
    """Return the moment that is meant, in UTC; without a zone, the one of this machine.

    Raises:
        BadInput: it is no moment, or lies in the past.

    """
    moment = _ahead(text, now) or _absolute(text)
    if moment is None:
        raise BadInput(f"{text!r} is no time. {HOW}")
    if moment >= _LAST:
        raise _too_far(text)
    if moment <= now:
        raise BadInput(f"{text!r} lies in the past.")
    return moment.astimezone(UTC)


def _ahead(text: str, now: datetime) -> datetime | None:
    try:
        ahead: timedelta = convert(timedelta, [text])
        return now + ahead
    except CycloptsError:
        return None
    except OverflowError:
        raise _too_far(text) from None


def _too_far(text: str) -> BadInput:
    return BadInput(f"{text!r} is too far ahead.")


def _absolute(text: str) -> datetime | None:
    try:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return datetime.fromisoformat(text).astimezone(UTC)
        return datetime.combine(day, time(23, 59, 59)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _convert(_: type, tokens: Sequence[Token]) -> datetime:
    return read(tokens[0].value, datetime.now(UTC))


def _convert_or_none(_: type, tokens: Sequence[Token]) -> datetime | None:
    return None if tokens[0].value.casefold() == "none" else read(tokens[0].value, datetime.now(UTC))


When = Annotated[datetime, Parameter(converter=_convert, n_tokens=1, metavar="WHEN", help=HOW)]
WhenOrNone = Annotated[
    datetime | None, Parameter(converter=_convert_or_none, n_tokens=1, metavar="WHEN|none", help=f"{HOW} Or: none.")
]
