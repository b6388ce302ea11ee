"""What may be set for a migration; the defaults are ours where the guide is silent."""

from datetime import timedelta
from enum import StrEnum

from pydantic import AwareDatetime, Field

from landbridge.domain.base import Model
from landbridge.domain.links import Purpose


class AtDeadline(StrEnum):
    """What happens to people who have not made it by the deadline."""

    KEEP_WAITING = "keep_waiting"
    """Owners and admins are notified, and the migration keeps waiting."""
    COMPLETE_PARTIAL = "complete_partial"
    """The migration ends; the report says for each of them what to do next."""


class Rules(Model):
    """The settings of one migration."""

    deadline: AwareDatetime | None = None
    """When the migration should be over (with time zone); none: it waits as long as it takes."""
    at_deadline: AtDeadline = AtDeadline.KEEP_WAITING
    verification_link_lifetime: timedelta = Field(default=timedelta(hours=24), gt=timedelta(0))
    authentication_link_lifetime: timedelta = Field(default=timedelta(days=7), gt=timedelta(0))
    reminder_interval: timedelta = Field(default=timedelta(days=3), ge=timedelta(minutes=1))
    """Between two mails to someone who has not acted."""
    reminders_at_most: int = Field(default=5, ge=0, le=50)
    """Reminders to one person in one state; after them only people move things on."""
    resend_cooldown: timedelta = timedelta(seconds=30)
    """Between two mails to one person on request."""
    poll_interval: timedelta = Field(default=timedelta(minutes=15), ge=timedelta(seconds=1))
    """Between two questions to Atlassian about people who wait; grows to `poll_interval_at_most` while none moves."""
    poll_interval_at_most: timedelta = timedelta(hours=6)
    roster_refresh_interval: timedelta = Field(default=timedelta(hours=6), ge=timedelta(seconds=1))
    """Between two looks for people who joined the Opsgenie account or verified their address there."""
    task_mail_delay: timedelta = timedelta(minutes=10)
    """How long a task may wait for an admin before they get a mail of it; usually they sit in front of it."""
    click_counts: bool = False
    """The click on the authentication link itself counts: only for where Atlassian cannot be asked."""

    def link_lifetime(self, purpose: Purpose) -> timedelta:
        """Return how long a link of this purpose works."""
        if purpose is Purpose.VERIFICATION:
            return self.verification_link_lifetime
        return self.authentication_link_lifetime
