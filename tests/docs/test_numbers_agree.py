"""Numbers that texts name are those of the code."""

from datetime import timedelta
from pathlib import Path

import pytest

from landbridge.cli import check_temporal, checkup, ending, planning
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
    """Return a length of time in words: `an hour`, `two minutes`."""
    if time == timedelta(minutes=15):
        return "a quarter of an hour"
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
            f"The numbers may be up to {OLDEST} old, and older while no worker runs.",
        ),
        ("landbridge/cli/status_view.py", f"The numbers may be up to {OLDEST} old, and older while no worker runs."),
        ("docs/cli.md", f"the cohorts showed last, up to {OLDEST} ago"),
        ("docs/cli.md", f"as the cohorts showed them last, up to {OLDEST} ago"),
        ("landbridge/portal/templates/sign_in/sent.html", f"after {length(sign_in.COOL_DOWN)} you may ask again"),
        ("docs/security.md", f"for {sign_in.LINK_LIFETIME // timedelta(minutes=1)} minutes"),
        ("docs/decisions/portal.md", f"the execution timeout ends it after {length(sign_in.SESSION_LIFETIME)}"),
        (
            "docs/settings.md",
            f"({limits.EVERYTHING.at_once:g} at once, {limits.EVERYTHING.per_second:g} a second)",
        ),
        ("docs/settings.md", f"keys of at least {settings.MIN_KEY_LENGTH} characters"),
        ("docs/settings.md", f"slices of up to {options.MAIL_BATCH} mails"),
        ("docs/settings.md", f"slices of up to {options.ACCOUNT_BATCH} people"),
        ("docs/reliability.md", f"a slice of {options.MAIL_BATCH}"),
        ("docs/cli.md", f"at most {checkup.SECONDS:g} seconds at each"),
        ("docs/cli.md", f"within the last {length(check_temporal.RECENTLY)}"),
        ("docs/cli.md", f"up to {length(planning.MAX_PAUSE)} at a time"),
        ("docs/cli.md", f"It waits up to {length(ending.PATIENCE_SECONDS)}"),
        ("docs/cli.md", f"at most {messages.MAX_REASON_LENGTH} characters"),
        (
            "docs/cli.md",
            f"(`{DEFAULTS.reminder_interval.days}d`), and how many at most (`{DEFAULTS.reminders_at_most}`)",
        ),
        ("docs/cli.md", f"(`{DEFAULTS.resend_cooldown.seconds}s`)"),
        ("docs/cli.md", f"a verification link works (`{DEFAULTS.verification_link_lifetime.days}d`)"),
        ("docs/cli.md", f"an authentication link works (`{DEFAULTS.authentication_link_lifetime.days}d`)"),
        (
            "docs/decisions/adapters.md",
            f"up to {length(opsgenie.MAX_PAUSE)} each and {_WORDS[int(opsgenie.PAUSES // 60)]} in all",
        ),
        ("docs/decisions/adapters.md", f"at most {roster.MAX_PEOPLE:,} people"),
        ("docs/decisions/workflows.md", f"At most {roster.MAX_COHORTS} cohorts"),
        ("docs/decisions/workflows.md", f"Each keeps {audit.KEPT}, cut to {audit.MAX_LENGTH} characters"),
        (
            "docs/decisions/workflows.md",
            f"Links ask for {_WORDS[lifecycle.MAX_LINK_REQUESTS]} mails in {WINDOW} at most",
        ),
    ],
)
def test_a_text_names_the_number_of_the_code(path: str, text: str) -> None:
    """Whoever changes a limit finds every text that promises it."""
    assert text in (PROJECT / path).read_text()
