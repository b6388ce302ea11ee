"""The settings of a migration. Where the guide gives no value, the default is Landbridge's own."""

from datetime import timedelta
from enum import StrEnum

from pydantic import AwareDatetime, Field

from landbridge.domain.base import Model
from landbridge.domain.links import Purpose


class AtDeadline(StrEnum):
    """What happens at the deadline to people who are not connected."""

    KEEP_WAITING = "keep_waiting"
    """Owners and admins are notified, and the migration keeps waiting."""
    COMPLETE_PARTIAL = "complete_partial"
    """The migration ends; the report says what to do next for each of these people."""


class Rules(Model):
    """The settings of one migration."""

    deadline: AwareDatetime | None = None
    """When the migration should be over (with time zone); none: it waits as long as necessary."""
    at_deadline: AtDeadline = AtDeadline.KEEP_WAITING
    verification_link_lifetime: timedelta = Field(default=timedelta(hours=24), gt=timedelta(0))
    authentication_link_lifetime: timedelta = Field(default=timedelta(days=7), gt=timedelta(0))
    reminder_interval: timedelta = Field(default=timedelta(days=3), ge=timedelta(minutes=1))
    """Time between two emails to a person who has not acted."""
    max_reminders: int = Field(default=5, ge=0, le=50)
    """Maximum reminders to one person in one state. After the last one, nothing happens until a person acts."""
    resend_cooldown: timedelta = timedelta(seconds=30)
    """Minimum time between two requested emails to one person."""
    poll_interval: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(seconds=1))
    """Time between two polls of Atlassian for waiting people; backs off to `max_poll_interval` without changes."""
    max_poll_interval: timedelta = timedelta(hours=6)
    roster_refresh_interval: timedelta = Field(default=timedelta(hours=6), ge=timedelta(seconds=1))
    """Time between two reads of the roster, to find people who joined or verified their address at Opsgenie."""
    task_mail_delay: timedelta = timedelta(minutes=10)
    """How long a task waits before admins get an email about it; usually an admin is already looking at the task."""
    click_counts: bool = False
    """A click on the authentication link counts as account setup. Use it only where Atlassian cannot be queried."""

    def link_lifetime(self, purpose: Purpose) -> timedelta:
        """Return how long a link of this purpose works."""
        if purpose is Purpose.VERIFICATION:
            return self.verification_link_lifetime
        return self.authentication_link_lifetime
