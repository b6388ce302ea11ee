"""Looking at all neighbours at once; whatever one of them does, the others are looked at."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from landbridge.domain.base import Model
from landbridge.domain.errors import BadInput, LandbridgeError

SECONDS = 10.0
"""For one look."""


class Health(StrEnum):
    """How a neighbour is."""

    WELL = "well"
    UNWELL = "not well"
    WRONG_SETTING = "wrong setting"
    """A setting is missing or wrong, so it was not asked."""
    NOT_CHECKED = "not checked"
    """Another one has to be well first."""


class Finding(Model):
    """What was found of one neighbour."""

    neighbour: str
    health: Health
    found: str
    """What it is like. Holds no secret."""
    remedy: str = ""
    """What to do; where it is well, what would be better."""


class Unwell(LandbridgeError):
    """A neighbour answers, but is not as it has to be."""

    def __init__(self, found: str, remedy: str) -> None:
        super().__init__(found)
        self.remedy = remedy


class Well(NamedTuple):
    """A neighbour is as it has to be."""

    found: str
    better: str = ""
    """What would be better; empty: nothing."""


class Check(NamedTuple):
    """How to look at one neighbour."""

    neighbour: str
    look: Callable[[], Awaitable[Well]]
    """Raises `BadInput` for a setting, `Unwell`, or any other of our errors."""
    remedy: str
    """Where to look if an error does not name a setting."""
    after: str = ""
    """The neighbour that has to be well first; empty: none."""


async def examine(checks: Sequence[Check]) -> list[Finding]:
    """Look at all neighbours at the same time; return what was found, in the order of the checks."""
    findings: dict[str, asyncio.Task[Finding]] = {}
    # A check waits for one that stands before it.
    async with asyncio.TaskGroup() as group:
        for check in checks:
            findings[check.neighbour] = group.create_task(_examine(check, findings.get(check.after)))
    return [task.result() for task in findings.values()]


async def _examine(check: Check, before: "asyncio.Task[Finding] | None") -> Finding:
    if before is not None and (await before).health is not Health.WELL:
        found = f"{check.after} has to be well first."
        return Finding(neighbour=check.neighbour, health=Health.NOT_CHECKED, found=found)
    health, remedy = Health.UNWELL, check.remedy
    try:
        async with asyncio.timeout(SECONDS):
            well = await check.look()
        return Finding(neighbour=check.neighbour, health=Health.WELL, found=well.found, remedy=well.better)
    except TimeoutError:
        found = f"No answer within {SECONDS:g} seconds."
    except Unwell as error:
        found, remedy = str(error), error.remedy
    except BadInput as error:
        health, found, remedy = Health.WRONG_SETTING, str(error), ""
    except LandbridgeError as error:
        found, remedy = _apart(str(error), check.remedy)
    except Exception as error:  # noqa: BLE001 - a fault of ours in one check must not hide what the others found
        where = traceback.extract_tb(error.__traceback__)[-1]
        found = f"It could not be looked at: {type(error).__name__} in {Path(where.filename).name}:{where.lineno}."
        remedy = f"{check.remedy} If that is right, report this as a fault of Landbridge."
    return Finding(neighbour=check.neighbour, health=health, found=found, remedy=remedy)


def _apart(sentence: str, settings: str) -> tuple[str, str]:
    """Return what is wrong and what to do: our sentences have a colon between the two, or have only the first.

    Those of a neighbour that is asked in many ways do not name its settings.
    """
    found, _, remedy = sentence.partition(": ")
    if not remedy:
        return sentence, settings
    told = f"{remedy[0].upper()}{remedy[1:]}"
    return f"{found}.", told if "LANDBRIDGE_" in told or "TEMPORAL_" in told else f"{told} {settings}"
