"""What a contestant is to the harness."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from benchmarks.job import Click
from benchmarks.world import World
from dev.stack.processes import Program

WORKER = "worker"
"""The name of every contestant's program that does the work: the one that is killed."""


class Contestant(ABC):
    """One way to do the job. Its programs are started anew, on an empty folder, for each run."""

    name: str
    """As on the command line; tables show its label (`benchmarks.contestants.LABELS`)."""

    @abstractmethod
    def missing(self) -> str:
        """Return what has to be installed first; empty if it can take part."""

    @abstractmethod
    def versions(self) -> str:
        """Return what it is made of, with versions."""

    @abstractmethod
    def programs(self, world: World) -> Sequence[Program]:
        """Return its programs in the order in which they start; the last is the one called `WORKER`."""

    async def prepare(self, world: World) -> None:  # noqa: B027 - most have nothing to prepare
        """Do once what its documentation asks for before work can be given to it."""

    @abstractmethod
    async def move(self, world: World, people: int) -> None:
        """Give it the whole job, as a client outside its programs, and return when everyone is completed."""

    @abstractmethod
    def door(self) -> AbstractAsyncContextManager[Click]:
        """Connect as whoever takes people's clicks, with the contestant's environment; yield what tells of one."""

    async def work(self) -> None:
        """Be the worker, in a process of its own (`python -m benchmarks.work NAME`)."""
        raise NotImplementedError
