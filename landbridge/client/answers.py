"""Answers of the client; `starter.py … -o json` prints these models unchanged."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import Field

from landbridge.domain.base import Model
from landbridge.domain.messages import CANCELLED, Progress
from landbridge.domain.people import Counts, Person, State, next_step
from landbridge.domain.sites import Site
from landbridge.domain.text import NO_TEXT, Text


class RunState(StrEnum):
    """The execution status of a migration."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    """An admin cancelled the migration; the workflow itself may be completed."""
    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"


class FailingTask(Model):
    """A workflow task that fails repeatedly: its workflow is stuck until workers run other code."""

    workflow_id: str
    event: int
    """Id of the first failure event in the workflow's history."""
    since: datetime
    attempts: int
    problem: Text
    """What failed and why."""
    remedy: Text
    """What to do."""


class MigrationSummary(Model):
    """One migration in a list."""

    opsgenie_account: str
    run: str
    """Distinguishes the migration from others of the same account (`domain.ids.run_of`); requests carry it."""
    run_state: RunState
    step: str
    """The current or last step (a value of `domain.messages.Step`), or `cancelled`."""
    started_at: datetime
    closed_at: datetime | None = None
    deadline: datetime | None = None
    paused: bool = False
    """The migration or one of its cohorts starts nothing new until it is resumed."""
    stuck: bool = False
    """Workflow tasks of the migration or of a cohort fail repeatedly; `status` says why."""

    @property
    def condition(self) -> str:
        """The state in one word, for people."""
        return "stuck" if self.stuck else "paused" if self.paused else str(self.run_state)

    @property
    def restart_needs_again(self) -> bool:
        """Whether `start` starts another migration only with `--again`: this one was completed or cancelled."""
        return self.run_state is RunState.COMPLETED or self.step == CANCELLED


class MigrationStatus(MigrationSummary):
    """The status of a migration."""

    failure: Text = NO_TEXT
    """Why the migration failed; empty if it did not."""
    counts: Counts
    """How many people are in each state; see `exact`."""
    people_total: int
    people_waiting: int
    people_connected: int
    exact: bool
    """Whether the numbers are current. Otherwise they are the cohorts' search attributes, up to an hour old, or older
    if no worker runs."""
    problems: list[Text] = Field(default_factory=list)
    """What currently blocks progress, without duplicates: why cohorts pause, which service is unavailable."""
    failing: list[FailingTask] = Field(default_factory=list)
    """Workflow tasks that fail repeatedly. With more than 20 cohorts, only a few of those that the server reports."""
    progress: Progress | None = None
    """None if no worker answers."""


class ReportLine(Model):
    """One person in a report or a list."""

    cohort: int
    """Cohort and number together identify the person in page URLs, links and logs."""
    number: int
    email: str
    name: str
    role: str
    state: State
    reason: Text
    since: datetime
    mails: int
    """Number of emails sent to the person."""
    mailed_at: datetime | None = None
    """When the last email was sent; None if there was none."""
    next_mail: datetime | None = None
    """When the next email (the first, a reminder or a retry) is due; None if no more are sent automatically."""
    next_step: Text
    """What has to happen next; see `domain.people.next_step`."""
    declined: bool = False
    """The person reported that the account is not theirs."""
    undone: str = ""
    """The outcome for the invitation when the migration was undone (`domain.activity_io.Undone`); empty: Landbridge had
    not invited the person."""

    @classmethod
    def of(cls, cohort: int, person: Person) -> Self:
        """Return the line of a person in a cohort."""
        return cls(
            cohort=cohort,
            number=person.number,
            email=person.email,
            name=person.name,
            role=person.role,
            state=person.state,
            reason=person.reason,
            since=person.since,
            mails=person.mails,
            mailed_at=person.mailed_at,
            next_mail=person.next_mail,
            next_step=next_step(person),
            declined=person.declined,
        )


class People(Model):
    """A page of a migration's people."""

    people: list[ReportLine]
    next: str = ""
    """Token of the next page; empty on the last page. After a long search a page may not be full."""


class Report(Model):
    """Everyone in a migration, with the next step for each person."""

    opsgenie_account: str
    site: Site | None
    run_state: RunState
    counts: Counts
    people: list[ReportLine] = Field(default_factory=list)


class FoundPerson(Model):
    """One person of a migration."""

    cohort: int
    cohort_id: str
    person: Person
    next_step: Text


class Started(Model):
    """The result of `start`."""

    workflow_id: str
    run: str
    """As `MigrationSummary.run`."""
    already: RunState | None = None
    """The state of the migration that existed before; None: a new migration was started."""
