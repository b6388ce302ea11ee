"""Limits that pages and templates state match the code."""

from datetime import timedelta
from pathlib import Path

import pytest

from landbridge.cli import check_temporal, checks, finish, planning
from landbridge.domain import audit, lifecycle, messages, roster, sign_in
from landbridge.domain.rules import Rules
from landbridge.integrations import opsgenie
from landbridge.platform import settings
from landbridge.portal import limits
from workflows.support import cohort_visibility, options

PROJECT = Path(__file__).parents[2]
_WORDS = {1: "a", 2: "two", 5: "five", 8: "eight", 20: "twenty"}
_UNITS = {timedelta(hours=1): "hour", timedelta(minutes=1): "minute", timedelta(seconds=1): "second"}


def length(time: timedelta | float) -> str:
    """Return a duration in words, such as `an hour` or `two minutes`."""
    time = time if isinstance(time, timedelta) else timedelta(seconds=time)
    unit = next(unit for unit in _UNITS if time >= unit and not time % unit)
    number, name = time // unit, _UNITS[unit]
    if number == 1:
        return f"an {name}" if name == "hour" else f"a {name}"
    return f"{_WORDS.get(number, str(number))} {name}s"


WINDOW = length(lifecycle.LINK_REQUEST_WINDOW)
OLDEST = length(cohort_visibility.MAX_UPDATE_INTERVAL)
DEFAULTS = Rules()


@pytest.mark.parametrize(
    "path, text",
    [
        (
            "landbridge/portal/templates/settings/status.html",
            f"The numbers may be up to {OLDEST} old, or older while no worker runs.",
        ),
        ("landbridge/cli/status_view.py", f"The numbers may be up to {OLDEST} old, and older while no worker runs."),
        ("docs/reference/cli.md", f"the cohorts last reported, up to {OLDEST} ago"),
        ("docs/reference/cli.md", f"as the cohorts last reported them, up to {OLDEST} ago"),
        (
            "landbridge/portal/templates/sign_in/sent.html",
            f"After {length(sign_in.COOL_DOWN)} you can request another link",
        ),
        ("docs/explanation/security.md", f"for {sign_in.LINK_LIFETIME // timedelta(minutes=1)} minutes"),
        ("docs/decisions/portal.md", f"the execution timeout ends it after {length(sign_in.SESSION_LIFETIME)}"),
        (
            "docs/reference/settings.md",
            f"(bursts of {limits.PER_CLIENT.burst:g}, then {limits.PER_CLIENT.per_second:g} a second)",
        ),
        ("docs/reference/settings.md", f"keys of at least {settings.MIN_KEY_LENGTH} characters"),
        ("docs/reference/settings.md", f"batches of up to {options.MAIL_BATCH} mails"),
        ("docs/reference/settings.md", f"batches of up to {options.ACCOUNT_BATCH} people"),
        ("docs/explanation/reliability.md", f"a batch of {options.MAIL_BATCH}"),
        ("docs/reference/cli.md", f"at most {checks.TIMEOUT_SECONDS:g} seconds at each"),
        ("docs/reference/cli.md", f"within the last {length(check_temporal.MAX_POLL_AGE)}"),
        ("docs/reference/cli.md", f"up to {length(planning.MAX_PAUSE)} at a time"),
        ("docs/reference/cli.md", f"It waits up to {length(finish.TIMEOUT_SECONDS)} for the"),
        ("docs/reference/cli.md", f"at most {messages.MAX_REASON_LENGTH} characters"),
        (
            "docs/reference/cli.md",
            f"(`{DEFAULTS.reminder_interval.days}d`), and how many at most (`{DEFAULTS.max_reminders}`)",
        ),
        ("docs/reference/cli.md", f"(`{DEFAULTS.resend_cooldown.seconds}s`)"),
        ("docs/reference/cli.md", f"a verification link works (`{DEFAULTS.verification_link_lifetime.days}d`)"),
        ("docs/reference/cli.md", f"an authentication link works (`{DEFAULTS.authentication_link_lifetime.days}d`)"),
        (
            "docs/decisions/adapters.md",
            f"up to {length(opsgenie.MAX_WAIT)} each and {_WORDS[int(opsgenie.MAX_TOTAL_WAIT // 60)]} in all",
        ),
        ("docs/decisions/adapters.md", f"at most {roster.MAX_PEOPLE:,} people"),
        ("docs/decisions/workflows.md", f"At most {roster.MAX_COHORTS} cohorts"),
        ("docs/decisions/workflows.md", f"Each keeps {audit.MAX_ENTRIES}, cut to {audit.MAX_LENGTH} characters"),
        (
            "docs/decisions/workflows.md",
            f"Links ask for {_WORDS[lifecycle.MAX_LINK_REQUESTS]} mails in {WINDOW} at most",
        ),
    ],
)
def test_a_text_states_the_limit_of_the_code(path: str, text: str) -> None:
    """When a limit in the code changes, this test names the texts to update."""
    assert text in " ".join((PROJECT / path).read_text(encoding="utf-8").split())
