"""The saved results. All numbers in docs/benchmarks.md come from these files."""

import os
import platform
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Self

from pydantic import Field

from landbridge.domain.base import Model

PROJECT = Path(__file__).resolve().parent.parent


class Machine(Model):
    """The machine, and the date of the measurement."""

    on: date
    cores: int
    memory_gb: float
    python: str
    system: str
    commit: str

    @classmethod
    def this(cls) -> Self:
        """Describe this machine."""
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        git = ["git", "rev-parse", "--short", "HEAD"]
        git_output = subprocess.run(git, capture_output=True, text=True, check=False, cwd=PROJECT)
        return cls(
            on=datetime.now(UTC).date(),
            cores=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
            memory_gb=round(pages * size / 2**30, 1),
            python=platform.python_version(),
            system=f"{platform.system()} {platform.machine()}",
            commit=git_output.stdout.strip(),
        )


class ContestantResult(Model):
    """All rounds of one contestant."""

    name: str
    label: str
    versions: str
    seconds: list[float] = Field(default_factory=list)
    """One value for each round, as in the next two fields."""
    peak_mb: list[float] = Field(default_factory=list)
    cpu_ms: list[dict[str, float]] = Field(default_factory=list)
    """CPU time per person by program, including the emulator and the mail server."""
    sent_again: int | None = None
    """Resent mails after one `kill -9`; None: not measured."""


class LeftOut(Model):
    """A contestant that did not run, or failed."""

    label: str
    missing: str


class Race(Model):
    """The comparison of all contestants."""

    machine: Machine
    command: str
    people: int
    raced: list[ContestantResult]
    absent: list[LeftOut]


class GrowthRun(Model):
    """One run of Landbridge."""

    people: int
    workers: int
    seconds: float
    events: int
    """Events in all histories of the migration."""
    actions: int
    """Temporal's actions (billable in Temporal Cloud), including heartbeats."""
    peak_worker_mb: float
    """Peak memory of the largest worker."""
    peak_server_mb: float
    cpu_ms: dict[str, float]
    """CPU time per person by program, including the emulator and the mail server."""


class FairnessRun(Model):
    """A small migration during a large migration."""

    many: int
    few: int
    mails_per_second: float
    """The rate limit of the worker; 0: no limit."""
    seconds: float
    """From the start of the small migration to its last mail."""
    mails_meanwhile: int
    """Mails of the large migration in that time."""
    mails_left: int
    """Mails of the large migration that were unsent at the end."""


class Fairness(Model):
    """Small migrations during large migrations, with different rate limits."""

    machine: Machine
    command: str
    waits: list[FairnessRun]


class WorkersRun(Model):
    """All rounds with one number of workers."""

    workers: int
    seconds: list[float] = Field(default_factory=list)
    """One value for each round."""


class Workers(Model):
    """A comparison of numbers of workers, in interleaved rounds."""

    machine: Machine
    command: str
    people: int
    mail_ms: int
    """Milliseconds until the mail server accepted a mail."""
    staffed: list[WorkersRun]


class Growth(Model):
    """Growing migrations."""

    machine: Machine
    command: str
    grown: list[GrowthRun]


def command() -> str:
    """Return the command that produced the results."""
    return f"python -m benchmarks {' '.join(sys.argv[1:])}"
