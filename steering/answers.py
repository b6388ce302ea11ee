"""What the steering verbs answer; `starter.py -o json` prints these models as they are."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from domain.messages import Progress
from domain.model import Model
from domain.people import Counts, Person, State
from domain.sites import Site


class RunState(StrEnum):
    """How Temporal sees a migration."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    TERMINATED = "terminated"
    TIMED_OUT = "timed_out"


class MigrationSummary(Model):
    """One migration in a list."""

    opsgenie_account: str
    run_state: RunState
    step: str
    """The value of `domain.messages.Step` it is in, or ended in."""
    started_at: datetime
    closed_at: datetime | None = None
    deadline: datetime | None = None


class MigrationStatus(MigrationSummary):
    """Where a migration stands."""

    failure: str = ""
    """Why it failed, as a sentence."""
    counts: Counts
    """How many people are in each state; see `exact`."""
    people_total: int
    people_waiting: int
    people_connected: int
    exact: bool
    """The numbers are of this moment; otherwise they are at most a minute old, and `counts` is empty."""
    troubles: list[str] = Field(default_factory=list)
    """What keeps work from going on at this moment, each once: why cohorts pause, which neighbour is away."""
    progress: Progress | None = None
    """None: no worker answers."""


class ReportLine(Model):
    """One person in a report."""

    email: str
    name: str
    role: str
    state: State
    reason: str
    since: datetime
    mails: int
    """Mails that were sent to them."""
    next_step: str
    """What to do next; see `domain.people.NEXT_STEP`."""


class Report(Model):
    """Everyone in a migration, and what is left to do."""

    opsgenie_account: str
    site: Site | None
    run_state: RunState
    counts: Counts
    people: list[ReportLine] = Field(default_factory=list)


class FoundPerson(Model):
    """One person of a migration."""

    cohort_id: str
    person: Person
    next_step: str


class Started(Model):
    """What came of starting a migration."""

    workflow_id: str
    already: RunState | None = None
    """The state of the migration that was there before and is shown instead; none: a new one was started."""
