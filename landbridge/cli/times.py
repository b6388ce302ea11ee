"""Parses deadlines from the command line."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated

from cyclopts import CycloptsError, Parameter, Token, convert

from landbridge.cli import text
from landbridge.domain.errors import BadInput

FORMATS = "A date (until the end of that day), a date and time, or a time from now such as 14d or 36h."

_MAX = datetime(9999, 12, 30, tzinfo=UTC)
"""The latest time that exists in every time zone."""


def parse(typed: str, now: datetime) -> datetime:
    """Parse a time; without an offset it is in this machine's time zone. The result is in UTC.

    Raises:
        BadInput: it cannot be parsed, or is not in the future.

    """
    parsed = _relative(typed, now) or _absolute(typed)
    if parsed is None:
        raise BadInput(f"Cannot read {typed!r} as a time. {FORMATS}")
    if parsed >= _MAX:
        raise _too_far(typed)
    if parsed <= now:
        raise BadInput(f"{typed!r} is in the past.")
    return parsed.astimezone(UTC)


def _relative(typed: str, now: datetime) -> datetime | None:
    try:
        length: timedelta = convert(timedelta, [typed])
        return now + length
    except CycloptsError:
        return None
    except OverflowError:
        raise _too_far(typed) from None


def _too_far(typed: str) -> BadInput:
    return BadInput(f"{typed!r} is too far in the future.")


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
    """Convert to UTC; a time without a zone is local.

    For a local time that clocks skip when they go forward, `datetime.astimezone` returns an hour too early.
    """
    return datetime.fromtimestamp(moment.timestamp(), UTC)


def clock_change_note(typed: str) -> str:
    """Return how a local time that occurs twice or never (clocks change) was interpreted; empty for any other time."""
    try:
        local = datetime.fromisoformat(typed)
        first, second = (_in_utc(local.replace(fold=fold)) for fold in (0, 1))
    except (ValueError, OverflowError):
        return ""
    if local.tzinfo is not None or first == second:
        return ""
    reason = "occurs twice, because clocks go back" if first < second else "does not exist, because clocks go forward"
    return (
        f"{typed!r} {reason}. Using {text.local(first)} ({first:%H:%M} UTC). To choose the other time, add the UTC "
        "offset, such as +02:00."
    )


def _convert(_: type, tokens: Sequence[Token]) -> datetime:
    typed = tokens[0].value
    parsed = parse(typed, datetime.now(UTC))
    if note := clock_change_note(typed):
        text.say(note)
    return parsed


def _convert_or_none(kind: type, tokens: Sequence[Token]) -> datetime | None:
    return None if tokens[0].value.casefold() == "none" else _convert(kind, tokens)


When = Annotated[datetime, Parameter(converter=_convert, n_tokens=1, metavar="WHEN", help=FORMATS)]
WhenOrNone = Annotated[
    datetime | None,
    Parameter(converter=_convert_or_none, n_tokens=1, metavar="WHEN|none", help=f"{FORMATS} Or: none."),
]
