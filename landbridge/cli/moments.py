"""Deadlines as people type them."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from cyclopts import CycloptsError, Parameter, Token, convert

from landbridge.cli import text
from landbridge.domain.errors import BadInput

HOW = "A date (its end is meant), a date and time, or a time from now such as 14d or 36h."

_LAST = datetime(9999, 12, 30, tzinfo=UTC)
"""The last moment that has a time in every zone."""


def read(typed: str, now: datetime) -> datetime:
    """Return the moment that is meant, in UTC; without a zone, the one of this machine.

    Raises:
        BadInput: it is no moment, or lies in the past.

    """
    moment = _ahead(typed, now) or _absolute(typed)
    if moment is None:
        raise BadInput(f"{typed!r} is no time. {HOW}")
    if moment >= _LAST:
        raise _too_far(typed)
    if moment <= now:
        raise BadInput(f"{typed!r} lies in the past.")
    return moment.astimezone(UTC)


def _ahead(typed: str, now: datetime) -> datetime | None:
    try:
        ahead: timedelta = convert(timedelta, [typed])
        return now + ahead
    except CycloptsError:
        return None
    except OverflowError:
        raise _too_far(typed) from None


def _too_far(typed: str) -> BadInput:
    return BadInput(f"{typed!r} is too far ahead.")


def _absolute(typed: str) -> datetime | None:
    try:
        try:
            day = date.fromisoformat(typed)
        except ValueError:
            return _in_utc(datetime.fromisoformat(typed))
        return _in_utc(datetime.combine(day, time(23, 59, 59)))
    except (ValueError, OverflowError):
        return None


def _in_utc(moment: datetime) -> datetime:
    """Return a moment in UTC; without a zone, it is local.

    `datetime.astimezone` takes a local time that clocks leave out for one before the gap, an hour too early.
    """
    return datetime.fromtimestamp(moment.timestamp(), UTC)


def remark(typed: str) -> str:
    """Return what was made of a local time that comes twice or never, as clocks change; empty for any other."""
    try:
        local = datetime.fromisoformat(typed)
        first, second = (_in_utc(local.replace(fold=fold)) for fold in (0, 1))
    except (ValueError, OverflowError):
        return ""
    if local.tzinfo is not None or first == second:
        return ""
    comes = "comes twice here, since clocks go back" if first < second else "never comes here, since clocks go forward"
    return (
        f"{typed!r} {comes}: taken for {text.local(first)} ({first:%H:%M} UTC). To say which one is meant, write its "
        "offset, as in +02:00."
    )


def _convert(_: type, tokens: Sequence[Token]) -> datetime:
    typed = tokens[0].value
    moment = read(typed, datetime.now(UTC))
    if sentence := remark(typed):
        text.say(sentence)
    return moment


def _convert_or_none(kind: type, tokens: Sequence[Token]) -> datetime | None:
    return None if tokens[0].value.casefold() == "none" else _convert(kind, tokens)


When = Annotated[datetime, Parameter(converter=_convert, n_tokens=1, metavar="WHEN", help=HOW)]
WhenOrNone = Annotated[
    datetime | None, Parameter(converter=_convert_or_none, n_tokens=1, metavar="WHEN|none", help=f"{HOW} Or: none.")
]
