"""How names, times, tables and CSV are rendered, and how times are parsed."""

import csv
import io
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from landbridge.cli import people_view, status_view, text, times
from landbridge.client import csv_export
from landbridge.client.answers import FoundPerson, MigrationStatus, MigrationSummary, ReportLine, RunState
from landbridge.domain.errors import BadInput
from landbridge.domain.links import Purpose
from landbridge.domain.messages import RESUME, STEP_OWNERS, STEP_TITLES, ChecklistItem, Progress, Step, StepStatus
from landbridge.domain.people import Counts, Mailing, Person, State
from landbridge.domain.sites import Site
from landbridge.domain.text import NO_TEXT, verbatim

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@given(st.text())
def test_printed_names_contain_no_control_characters(name: str) -> None:
    """No control or direction character reaches the terminal, and the length stays the same."""
    shown = text.plain(name)
    assert len(shown) == len(name)
    assert not [character for character in shown if ord(character) < 32 or 0x7F <= ord(character) < 0xA0]
    assert not set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\ufeff") & set(shown)


@pytest.mark.parametrize("name", ["Zoë", "محمد علي", "李小龙", "נועה", "क्\u200dष", "👩\u200d💻", "O'Brien [x]"])
def test_names_in_all_scripts_are_unchanged(name: str) -> None:
    """Letters, joiners and emoji are safe."""
    assert text.plain(name) == name


@given(st.text(), st.sampled_from([*"=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"]))
def test_no_csv_cell_is_a_formula(rest: str, sign: str) -> None:
    """An apostrophe precedes every character that can start a formula."""
    line = ReportLine(
        cohort=1,
        number=1,
        email="a@example.com",
        name=f"{sign}{rest}",
        role="user",
        state=State.CONNECTED,
        reason=NO_TEXT,
        since=NOW,
        mails=1,
        next_step=NO_TEXT,
    )
    assert f"'{sign}" in csv_export.rows([line])


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_NONE])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@given(
    st.text(st.sampled_from([*"=+-@,;\t|\r\n\"' x\uff1d"]), max_size=12)
    | st.sampled_from(["x;=cmd|' /C calc'!A0;", 'x;"=cmd"', "x|@SUM(1)", "x;; \t+1", "x\n-1"])
)
def test_no_part_of_a_csv_cell_is_a_formula_when_split(delimiter: str, quoting: Literal[0, 3], name: str) -> None:
    """Depending on their locale, spreadsheets split lines at semicolons or tabs. Each part must still be text."""
    line = ReportLine(
        cohort=1,
        number=1,
        email="a@example.com",
        name=name,
        role="user",
        state=State.CONNECTED,
        reason=verbatim(name),
        since=NOW,
        mails=1,
        next_step=NO_TEXT,
    )
    written = io.StringIO(csv_export.rows([line]), newline="")
    cells = [cell.strip(' "') for row in csv.reader(written, delimiter=delimiter, quoting=quoting) for cell in row]
    assert not [cell for cell in cells if cell.startswith(tuple("=+-@\t\r\n\uff1d"))]


@pytest.mark.parametrize("name", ["Jean-Luc", "a@example.com", "Lee, Ann", "Ann | Ops", "1 + 1 = 2"])
def test_other_text_is_unchanged_in_csv(name: str) -> None:
    """An apostrophe is added only where a formula could start."""
    assert next(csv.reader(csv_export.rows([Site(id="1", name=name, url="")]).splitlines()))[1] == name


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("14d", NOW + timedelta(days=14)),
        ("1d12h", NOW + timedelta(hours=36)),
        ("2026-12-24T18:00+01:00", datetime(2026, 12, 24, 17, tzinfo=UTC)),
        ("2026-12-24 18:00Z", datetime(2026, 12, 24, 18, tzinfo=UTC)),
        ("2026-12-24T18:00", datetime(2026, 12, 24, 18).astimezone(UTC)),
        ("2026-12-24", datetime(2026, 12, 24, 23, 59, 59).astimezone(UTC)),
    ],
)
def test_times_are_parsed(typed: str, meant: datetime) -> None:
    """A time may be a date, a local time, a time with an offset, or a duration from now."""
    assert times.parse(typed, NOW) == meant


@pytest.mark.parametrize(
    "typed",
    ["", "tomorrow", "14", "-3d", "0d", "2026-02-30", "2025-01-01", "99999999y", "9999-12-31", "9999-12-31T00:00Z"],
)
def test_invalid_and_past_times_are_refused(typed: str) -> None:
    """The command does not guess what a mistyped deadline means."""
    with pytest.raises(BadInput):
        times.parse(typed, NOW)


@pytest.mark.parametrize(
    "length, words, short",
    [
        (timedelta(seconds=1), "1 second", "1s"),
        (timedelta(minutes=1), "1 minute", "1m"),
        (timedelta(hours=30), "1 day", "1d"),
        (timedelta(hours=5), "5 hours", "5h"),
        (timedelta(seconds=-5), "0 seconds", "0s"),
    ],
)
def test_lengths_of_time_are_shown_in_their_largest_unit(length: timedelta, words: str, short: str) -> None:
    """Both the long form and the short form use that unit."""
    assert (text.span(length), text.age(length)) == (words, short)


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_the_last_time_can_be_shown_in_every_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the year 9999 in UTC does not exist in time zones further east, and must not break the list."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert text.local(datetime.max.replace(tzinfo=UTC)).startswith("9999-12-31")
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("number, words", [(0, "0 people"), (1, "1 person"), (2, "2 people")])
def test_counts_of_people_have_a_singular(number: int, words: str) -> None:
    """The singular is `one person`, and the plural is `two people`."""
    assert text.people(number) == words


def test_the_list_of_migrations_fits_80_columns() -> None:
    """Only a long account name is wrapped, and it is shown completely."""
    account, screen = "a-long-name-of-an-account", io.StringIO()
    summary = MigrationSummary(
        opsgenie_account=account,
        run="0198c2f47b1c",
        run_state=RunState.TERMINATED,
        step="authenticate",
        started_at=NOW,
        deadline=NOW,
    )
    Console(file=screen, width=80).print(status_view.render_list([summary]))
    rows = [line.split() for line in screen.getvalue().splitlines()[1:]]
    assert rows[0][1:] == ["terminated", "authenticate", *text.local(NOW).split(), *text.local(NOW).split()]
    assert "".join(row[0] for row in rows) == account


def render_status(progress: Progress, **fields: Any) -> str:  # noqa: ANN401 - fields of the status
    """Render the status of a running migration on a terminal of 80 columns."""
    status = MigrationStatus(
        opsgenie_account="acme",
        run="0198c2f47b1c",
        run_state=RunState.RUNNING,
        step=progress.step,
        started_at=NOW,
        exact=True,
        progress=progress,
        **fields,
    )
    screen = io.StringIO()
    Console(file=screen, width=80, markup=False, emoji=False, highlight=False).print(status_view.render(status))
    return screen.getvalue()


def test_the_status_fits_80_columns_and_begins_with_the_task() -> None:
    """The task, its link and its command are not cut off."""
    url = "https://start.example.com/" + "x" * 90
    progress = Progress(
        opsgenie_account="acme",
        initiator="olga@example.com",
        step=Step.CREATE_SITE,
        task=verbatim("Create the site acme."),
        url=url,
        command="./starter.py confirm acme",
        suggestions=["acme-team"],
        sites=[Site(id="1", name="other", url="https://other.atlassian.net")],
        checklist=[
            ChecklistItem(
                step=step, title=STEP_TITLES[step], owner=STEP_OWNERS[step], status=status, note=verbatim("A note." * 9)
            )
            for step, status in zip(Step, [*StepStatus, StepStatus.TODO], strict=True)
        ],
    )
    shown = render_status(
        progress,
        deadline=NOW,
        counts=Counts(by_state={State.CONNECTED: 100_000, State.ATTENTION: 1}),
        people_total=100_001,
        people_waiting=1,
        people_connected=100_000,
        problems=[verbatim("The mail server does not answer.")],
    )
    assert max(map(len, shown.splitlines())) <= 80
    assert url in "".join(line.strip("│ ") for line in shown.splitlines())
    assert shown.index("Create the site acme.") < shown.index(STEP_TITLES[Step.INITIATE])
    assert "The mail server does not answer." in shown
    assert "100000 connected, 1 waiting, 1 of them needs your attention" in shown


def test_a_pause_is_shown_once() -> None:
    """The cohorts report the pause as a problem too, but the status shows it only once."""
    progress = Progress(
        opsgenie_account="acme",
        initiator="olga@example.com",
        step=Step.VERIFY,
        paused=verbatim("The mail server moves."),
        problems=[verbatim("The mail server moves.")],
    )
    shown = render_status(
        progress,
        counts=Counts(),
        people_total=1,
        people_waiting=1,
        people_connected=0,
        problems=[*progress.problems, verbatim("Atlassian does not answer.")],
    )
    assert shown.count("The mail server moves.") == 1
    assert "Atlassian does not answer." in shown
    assert "1 person: 0 connected" in shown


def test_a_pause_by_landbridge_is_shown_once() -> None:
    """The pause is also the open task, but the status shows it only once."""
    progress = Progress(
        opsgenie_account="acme",
        initiator="olga@example.com",
        step=Step.AUTHENTICATE,
        paused=verbatim("Atlassian refuses the key."),
        task=verbatim("Atlassian refuses the key."),
        task_id=RESUME,
        command="./starter.py resume acme",
    )
    shown = render_status(
        progress,
        counts=Counts(),
        people_total=0,
        people_waiting=0,
        people_connected=0,
    )
    assert shown.count("Atlassian refuses the key.") == 1
    assert "Paused.\n" in shown


def test_mails_that_were_not_sent_yet_are_shown_as_none() -> None:
    """If an address is corrected before the first mail, the person has a mailing without a sent mail."""
    mailings = {Purpose.VERIFICATION: Mailing(), Purpose.AUTHENTICATION: Mailing(generation=2, sent=2, sent_at=NOW)}
    person = Person(number=1, email="a@example.com", since=NOW, mailings=mailings)
    found = FoundPerson(cohort=1, cohort_id="site-migration:acme:cohort:1", person=person, next_step=NO_TEXT)
    screen = io.StringIO()
    Console(file=screen, width=80).print(people_view.render_person(found))
    assert [line.split() for line in screen.getvalue().splitlines() if " mails " in line] == [
        ["verification", "mails", "none", "yet"],
        ["authentication", "mails", "2,", "last", "sent", *text.local(NOW).split()],
    ]
