"""The contestants. Each is imported only when it runs, because most machines lack libraries of some contestants."""

import importlib

from benchmarks.contestant import Contestant
from landbridge.domain.errors import BadInput

LABELS = {
    "landbridge": "Landbridge",
    "plain": "asyncio script, not durable",
    "temporal": "Temporal, a workflow per person",
    "dbos_sqlite": "DBOS on SQLite, a workflow per person",
    "dbos_postgresql": "DBOS on PostgreSQL, a workflow per person",
    "restate": "Restate, a workflow per person",
}
"""Labels by name, in the order of the report."""


def load(name: str) -> Contestant:
    """Return a contestant.

    Raises:
        BadInput: no contestant has that name.
        ModuleNotFoundError: one of its libraries is not installed.

    """
    if name not in LABELS:
        raise BadInput(f"There is no contestant “{name}”. Choose from {', '.join(LABELS)}.")
    contestant = importlib.import_module(f"benchmarks.contestants.{name}").CONTESTANT
    if not isinstance(contestant, Contestant):
        raise TypeError(name)
    return contestant
