"""Who takes part. Only who is really used is imported: most machines do not have all that they need."""

import importlib

from benchmarks.contestant import Contestant
from landbridge.domain.errors import BadInput

LABELS = {
    "landbridge": "Landbridge",
    "plain": "asyncio script, nothing durable",
    "temporal": "Temporal, a workflow per person",
    "dbos_sqlite": "DBOS on SQLite, a workflow per person",
    "dbos_postgresql": "DBOS on PostgreSQL, a workflow per person",
    "restate": "Restate, a workflow per person",
}
"""By name, in the order in which they are told of."""


def load(name: str) -> Contestant:
    """Return a contestant.

    Raises:
        BadInput: nobody has that name.
        ModuleNotFoundError: a library that it needs is not installed.

    """
    if name not in LABELS:
        raise BadInput(f"Nobody who takes part is named “{name}”. There are {', '.join(LABELS)}.")
    contestant = importlib.import_module(f"benchmarks.contestants.{name}").CONTESTANT
    if not isinstance(contestant, Contestant):
        raise TypeError(name)
    return contestant
