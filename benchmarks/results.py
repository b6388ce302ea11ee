"""What was measured, as it is kept: every number of the page comes from these files, and none is typed."""

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
    """Where and when it was measured."""

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
        said = subprocess.run(git, capture_output=True, text=True, check=False, cwd=PROJECT)
        return cls(
            on=datetime.now(UTC).date(),
            cores=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
            memory_gb=round(pages * size / 2**30, 1),
            python=platform.python_version(),
            system=f"{platform.system()} {platform.machine()}",
            commit=said.stdout.strip(),
        )


class Raced(Model):
    """One contestant's runs."""

    name: str
    label: str
    versions: str
    seconds: list[float] = Field(default_factory=list)
    """Of each round."""
    peak_mb: list[float] = Field(default_factory=list)
    cpu_ms: list[dict[str, float]] = Field(default_factory=list)
    """Processor time for one person in each round by program, those of the neighbours too."""
    sent_again: int | None = None
    """After one `kill -9`; none: not tried."""


class Absent(Model):
    """A contestant that could not take part."""

    label: str
    missing: str


class Race(Model):
    """All contestants, in interleaved rounds."""

    machine: Machine
    command: str
    people: int
    raced: list[Raced]
    absent: list[Absent]


class Grown(Model):
    """Landbridge with a number of people and of workers."""

    people: int
    workers: int
    seconds: float
    events: int
    """In all histories of the migration."""
    actions: int
    """As Temporal counts them (billable in Temporal Cloud), heartbeats included."""
    peak_worker_mb: float
    """Of the largest worker."""
    peak_server_mb: float
    cpu_ms: dict[str, float]
    """Processor time for one person by program, those of the neighbours too."""


class Beside(Model):
    """A few people who come while many are moved."""

    many: int
    few: int
    mails_per_second: float
    """That one worker may send; 0: as many as the mail server takes."""
    seconds: float
    """From the start of the small migration to its last mail."""
    mails_meanwhile: int
    """That the large one sent in this time."""
    mails_left: int
    """That it still had to send then."""


class Besides(Model):
    """The same with different mail servers."""

    machine: Machine
    command: str
    waits: list[Beside]


class Staffed(Model):
    """Landbridge with a number of workers."""

    workers: int
    seconds: list[float] = Field(default_factory=list)
    """Of each round."""


class Workers(Model):
    """More and more workers, in interleaved rounds."""

    machine: Machine
    command: str
    people: int
    mail_ms: int
    """How long the mail server took to accept a mail."""
    staffed: list[Staffed]


class Growth(Model):
    """Landbridge, ever larger."""

    machine: Machine
    command: str
    grown: list[Grown]


def command() -> str:
    """Return what was typed to get these results."""
    return f"python -m benchmarks {' '.join(sys.argv[1:])}"
