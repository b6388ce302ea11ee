"""Who asked what of a migration, and when: the trail that owners and admins are shown.

In it stands every request that was let in, with who started the migration first. What was refused is not: it left no
trace in the history either. What people did behind their links, and what services answered, stands in each person's
own timeline.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from landbridge.domain.base import Model
from landbridge.domain.people import Actor
from landbridge.domain.text import NO_TEXT, Text, verbatim

KEPT = 400
"""Entries that one workflow keeps: the first, and of what is asked for most often the newest. Some 100 kB, beside what
else continue-as-new carries."""
MAX_LENGTH = 254
"""Characters kept of each text of an entry: as long as an address."""
_AT_ONCE = timedelta(minutes=1)
"""Within which one request has come to all cohorts."""


class Act(StrEnum):
    """What can be asked of a migration."""

    START = "start"
    CHOOSE_SITE = "choose_site"
    NAME_SITE = "name_site"
    CONFIRM = "confirm"
    PAUSE = "pause"
    RESUME = "resume"
    REFRESH = "refresh"
    SET_DEADLINE = "set_deadline"
    RESEND = "resend"
    VERIFY = "verify"
    """By someone's word, an Opsgenie email is verified."""
    AUTHENTICATE = "authenticate"
    """By someone's word, an Atlassian account is set up."""
    EXCLUDE = "exclude"
    CORRECT_EMAIL = "correct_email"
    CANCEL = "cancel"
    UNDO = "undo"
    """Revoke the invitations of a migration that was cancelled."""


class AuditEntry(Model):
    """One act."""

    at: datetime
    by: Actor
    act: Act
    about: str = ""
    """Whom or what it concerned: an address, a state, a site, a task."""
    detail: Text = NO_TEXT
    """A reason, a new address, a deadline."""
    people: int = 0
    """How many people it concerned, where they are not named."""


class Audit(Model):
    """A list of acts, as a workflow carries it on and answers it."""

    entries: tuple[AuditEntry, ...] = ()
    left_out: int = 0
    """Acts that are no more in the list; Temporal's histories have them, for as long as they are kept."""

    def with_entry(self, entry: AuditEntry) -> "Audit":
        """Return the list with one more act; beyond `KEPT` an older one gives way.

        That is the oldest, but for the first, of the act that stands there most often: nobody can drive out what they
        did by asking for something else again and again.
        """
        clipped = entry.model_copy(
            update={
                "by": replace(entry.by, name=entry.by.name[:MAX_LENGTH]),
                "about": entry.about[:MAX_LENGTH],
                "detail": entry.detail if len(entry.detail) <= MAX_LENGTH else verbatim(entry.detail[:MAX_LENGTH]),
            }
        )
        entries = (*self.entries, clipped)
        if len(entries) <= KEPT:
            return Audit(entries=entries, left_out=self.left_out)
        ((commonest, _),) = Counter(one.act for one in entries[1:]).most_common(1)
        oldest = next(place for place, one in enumerate(entries) if place and one.act is commonest)
        return Audit(entries=(*entries[:oldest], *entries[oldest + 1 :]), left_out=self.left_out + 1)


def merge(audits: Iterable[Audit]) -> Audit:
    """Return the acts of a migration and its cohorts as one list, newest first.

    A request to everyone in a state came to each cohort by itself, and is one act again here.
    """
    found = list(audits)
    entries = sorted((entry for audit in found for entry in audit.entries), key=lambda entry: entry.at)
    return Audit(entries=tuple(reversed(_together(entries))), left_out=sum(audit.left_out for audit in found))


def _together(entries: Sequence[AuditEntry]) -> list[AuditEntry]:
    made: list[AuditEntry] = []
    of_all: dict[tuple[Actor, Act, str, str], int] = {}
    for entry in entries:
        if not entry.people:
            made.append(entry)
            continue
        same = (entry.by, entry.act, entry.about, entry.detail)
        place = of_all.get(same)
        if place is not None and entry.at - made[place].at <= _AT_ONCE:
            made[place] = made[place].model_copy(update={"people": made[place].people + entry.people})
        else:
            of_all[same] = len(made)
            made.append(entry)
    return made
