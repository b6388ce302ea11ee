"""Runs checks of all services concurrently; one failing check does not affect the others."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from landbridge.domain.base import Model
from landbridge.domain.errors import BadInput, LandbridgeError

TIMEOUT_SECONDS = 10.0
"""Timeout of one check."""


class CheckStatus(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    FAILED = "failed"
    MISCONFIGURED = "misconfigured"
    """A setting is missing or wrong, so the service was not called."""
    SKIPPED = "skipped"
    """Another check has to pass first."""


class CheckResult(Model):
    """What the check of one service found."""

    service: str
    status: CheckStatus
    message: str
    """What was found, as a sentence. It contains no secrets."""
    remedy: str = ""
    """What to do. For a check that passed: what could be improved."""


class CheckFailed(LandbridgeError):
    """A service answers, but cannot be used."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class Passed(NamedTuple):
    """A service can be used."""

    message: str
    advice: str = ""
    """What could be improved; empty: nothing."""


class Check(NamedTuple):
    """How to check one service."""

    service: str
    run: Callable[[], Awaitable[Passed]]
    """Raises `BadInput` for a wrong setting, `CheckFailed`, or any other `LandbridgeError`."""
    remedy: str
    """The remedy if an error does not name a setting."""
    requires: str = ""
    """The service whose check has to pass first; it comes earlier in the list. Empty: none."""


async def run_checks(checks: Sequence[Check]) -> list[CheckResult]:
    """Run all checks concurrently; return their results in the order of the checks."""
    tasks: dict[str, asyncio.Task[CheckResult]] = {}
    async with asyncio.TaskGroup() as group:
        for check in checks:
            tasks[check.service] = group.create_task(_run(check, tasks.get(check.requires)))
    return [task.result() for task in tasks.values()]


async def _run(check: Check, required: "asyncio.Task[CheckResult] | None") -> CheckResult:
    if required is not None and (await required).status is not CheckStatus.OK:
        message = f"Not checked, because the check of {check.requires} failed."
        return CheckResult(service=check.service, status=CheckStatus.SKIPPED, message=message)
    status, remedy = CheckStatus.FAILED, check.remedy
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            passed = await check.run()
        return CheckResult(service=check.service, status=CheckStatus.OK, message=passed.message, remedy=passed.advice)
    except TimeoutError:
        message = f"No answer within {TIMEOUT_SECONDS:g} seconds."
    except CheckFailed as error:
        message, remedy = str(error), error.remedy
    except BadInput as error:
        status, message, remedy = CheckStatus.MISCONFIGURED, str(error), ""
    except LandbridgeError as error:
        message, remedy = _split(str(error), check.remedy)
    except Exception as error:  # noqa: BLE001 - a bug in one check must not hide the results of the others
        where = traceback.extract_tb(error.__traceback__)[-1]
        message = f"The check crashed: {type(error).__name__} in {Path(where.filename).name}:{where.lineno}."
        remedy = f"{check.remedy} If the settings are right, report this as a bug in Landbridge."
    return CheckResult(service=check.service, status=status, message=message, remedy=remedy)


def _split(sentence: str, settings: str) -> tuple[str, str]:
    """Split an error message at its colon into problem and remedy; append `settings` if the remedy names no setting."""
    message, _, remedy = sentence.partition(": ")
    if not remedy:
        return sentence, settings
    remedy = f"{remedy[0].upper()}{remedy[1:]}"
    return f"{message}.", remedy if "LANDBRIDGE_" in remedy or "TEMPORAL_" in remedy else f"{remedy} {settings}"
