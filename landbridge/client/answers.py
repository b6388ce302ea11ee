"""What the steering verbs answer; `starter.py -o json` prints these models as they are."""

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
    """How Temporal sees a migration."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    """Somebody cancelled it; for Temporal itself it may be running still, or completed."""
    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"


class FailingTask(Model):
    """A workflow task that fails again and again: its workflow stands still until workers run other code."""

    workflow_id: str
    event: int
    """The number of the event in the workflow's history that says so first."""
    since: datetime
    attempts: int
    problem: Text
    """What fails, and why."""
    remedy: Text
    """What to do."""


class MigrationSummary(Model):
    """One migration in a list."""

    opsgenie_account: str
    run: str
    """Tells it from other migrations of the account (`domain.ids.run_of`): requests name what they are about."""
    run_state: RunState
    step: str
    """The value of `domain.messages.Step` it is in, or ended in; `cancelled` once it was."""
    started_at: datetime
    closed_at: datetime | None = None
    deadline: datetime | None = None
    paused: bool = False
    """It, or one of its cohorts, starts nothing new until somebody resumes it."""
    stuck: bool = False
    """Its workflow tasks, or those of a cohort, fail again and again; `status` says why."""

    @property
    def condition(self) -> str:
        """How it is, in a word for people."""
        return "stuck" if self.stuck else "paused" if self.paused else str(self.run_state)

    @property
    def stays(self) -> bool:
        """Whether another one is started only if somebody insists: it came to its end, or was cancelled."""
        return self.run_state is RunState.COMPLETED or self.step == CANCELLED


class MigrationStatus(MigrationSummary):
    """Where a migration stands."""

    failure: Text = NO_TEXT
    """Why it failed."""
    counts: Counts
    """How many people are in each state; see `exact`."""
    people_total: int
    people_waiting: int
    people_connected: int
    exact: bool
    """The numbers are of this moment; otherwise they are as the cohorts last showed them, up to an hour ago
    or before the last worker ended."""
    problems: list[Text] = Field(default_factory=list)
    """What keeps work from going on at this moment, each once: why cohorts pause, which neighbour is away."""
    failing: list[FailingTask] = Field(default_factory=list)
    """Workflow tasks that fail again and again. Of more than 20 cohorts, some of those that the server reports."""
    progress: Progress | None = None
    """None: no worker answers."""


class ReportLine(Model):
    """One person in a report or a list."""

    cohort: int
    """With `number`: what the person is called in addresses of pages, links and logs."""
    number: int
    email: str
    name: str
    role: str
    state: State
    reason: Text
    since: datetime
    mails: int
    """Mails that were sent to them."""
    mailed_at: datetime | None = None
    """When the newest was sent; none: there was none."""
    next_mail: datetime | None = None
    """When the next is due (the first, a reminder, or another try); none: no more go out by themselves."""
    next_step: Text
    """What to do next; see `domain.people.next_step`."""
    declined: bool = False
    """They say that this is not their account."""
    undone: str = ""
    """What became of the invitation when the migration was undone (`domain.activity_io.Undone`); empty: there was none
    of ours to revoke."""

    @classmethod
    def of(cls, cohort: int, person: Person) -> Self:
        """Return the line of someone whom a cohort looks after."""
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
    """Names the next page; empty: that was everyone. A search that takes long names one before the page is full."""


class Report(Model):
    """Everyone in a migration, and what is left to do."""

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
    """What came of starting a migration."""

    workflow_id: str
    run: str
    """As `MigrationSummary.run`."""
    already: RunState | None = None
    """The state of the migration that was there before and is shown instead; none: a new one was started."""
