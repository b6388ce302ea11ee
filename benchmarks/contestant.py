"""The interface of contestants."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from benchmarks.job import Click
from benchmarks.world import World
from dev.stack.processes import Program

WORKER = "worker"
"""The name of each contestant's worker program, which some runs kill."""


class Contestant(ABC):
    """One implementation of the job. Each run starts its programs in an empty folder."""

    name: str
    """Its name on the command line; tables show its label (`benchmarks.contestants.LABELS`)."""

    @abstractmethod
    def missing(self) -> str:
        """Return what has to be installed first; empty: nothing is missing."""

    @abstractmethod
    def versions(self) -> str:
        """Return its components with their versions."""

    @abstractmethod
    def programs(self, world: World) -> Sequence[Program]:
        """Return its programs in the order of their start; the last program is named `WORKER`."""

    async def prepare(self, world: World) -> None:  # noqa: B027 - most contestants need no preparation
        """Do the setup that its documentation requires before the first job."""

    @abstractmethod
    async def move(self, world: World, people: int) -> None:
        """Submit the job as an external client; return when it is completed for everyone."""

    @abstractmethod
    def click_sender(self) -> AbstractAsyncContextManager[Click]:
        """Connect with the environment of the contestant's programs; yield a function that reports a click."""

    async def work(self) -> None:
        """Run the worker in this process (`python -m benchmarks.work NAME`)."""
        raise NotImplementedError
