"""The audit: who requested what of a migration, and when. Owners and admins can read it.

It contains every request that was accepted; the first entry is the start of the migration. Refused requests are not
recorded: they leave no trace in the workflow history either. What people did with their links, and what services
answered, is in each person's own timeline.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from landbridge.domain.base import Model
from landbridge.domain.people import Actor
from landbridge.domain.text import NO_TEXT, Text, verbatim

MAX_ENTRIES = 400
"""Maximum number of entries that one workflow keeps; see `Audit.with_entry`. They take about 100 kB of what
continue-as-new carries."""
MAX_LENGTH = 254
"""Maximum length of each text of an entry, in characters: the same as for an address."""
_SAME_REQUEST_WITHIN = timedelta(minutes=1)
"""A request to everyone in a state reaches all cohorts within this time."""


class Act(StrEnum):
    """What can be requested of a migration."""

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
    """An admin or operator states that an Opsgenie email is verified."""
    AUTHENTICATE = "authenticate"
    """An admin or operator states that an Atlassian account is set up."""
    EXCLUDE = "exclude"
    CORRECT_EMAIL = "correct_email"
    CANCEL = "cancel"
    UNDO = "undo"
    """Revoke the invitations of a migration that was cancelled."""


class AuditEntry(Model):
    """One request."""

    at: datetime
    by: Actor
    act: Act
    about: str = ""
    """What the request was about: an address, a state, a site, a task."""
    detail: Text = NO_TEXT
    """A reason, a new address, a deadline."""
    people: int = 0
    """Number of people concerned, if they are not named."""


class Audit(Model):
    """A list of requests. Workflows carry it through continue-as-new and return it as the answer to a query."""

    entries: tuple[AuditEntry, ...] = ()
    left_out: int = 0
    """Number of entries that were dropped. Temporal's histories still contain them until their retention ends."""

    def with_entry(self, entry: AuditEntry) -> "Audit":
        """Return the audit with one more entry; beyond `MAX_ENTRIES` entries, an older entry is dropped.

        The dropped entry is the oldest of the most frequent act, except for the very first entry. So nobody can evict
        the record of one act by repeating another.
        """
        clipped = entry.model_copy(
            update={
                "by": replace(entry.by, name=entry.by.name[:MAX_LENGTH]),
                "about": entry.about[:MAX_LENGTH],
                "detail": entry.detail if len(entry.detail) <= MAX_LENGTH else verbatim(entry.detail[:MAX_LENGTH]),
            }
        )
        entries = (*self.entries, clipped)
        if len(entries) <= MAX_ENTRIES:
            return Audit(entries=entries, left_out=self.left_out)
        ((commonest, _),) = Counter(other.act for other in entries[1:]).most_common(1)
        oldest = next(index for index, other in enumerate(entries) if index and other.act is commonest)
        return Audit(entries=(*entries[:oldest], *entries[oldest + 1 :]), left_out=self.left_out + 1)


def merge(audits: Iterable[Audit]) -> Audit:
    """Return the entries of a migration and its cohorts as one list, newest first.

    Each cohort records a request to everyone in a state by itself; these entries are combined into one.
    """
    found = list(audits)
    entries = sorted((entry for audit in found for entry in audit.entries), key=lambda entry: entry.at)
    return Audit(entries=tuple(reversed(_combined(entries))), left_out=sum(audit.left_out for audit in found))


def _combined(entries: Sequence[AuditEntry]) -> list[AuditEntry]:
    combined: list[AuditEntry] = []
    newest: dict[tuple[Actor, Act, str, str], int] = {}
    for entry in entries:
        if not entry.people:
            combined.append(entry)
            continue
        request = (entry.by, entry.act, entry.about, entry.detail)
        index = newest.get(request)
        if index is not None and entry.at - combined[index].at <= _SAME_REQUEST_WITHIN:
            combined[index] = combined[index].model_copy(update={"people": combined[index].people + entry.people})
        else:
            newest[request] = len(combined)
            combined.append(entry)
    return combined
