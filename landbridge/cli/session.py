"""Connects commands to Temporal."""

import logging
from collections.abc import Iterable

from temporalio.client import Client

from landbridge.cli import text
from landbridge.client.migration import Migration
from landbridge.domain.people import CLAIMABLE, Actor
from landbridge.domain.proof import Proofs
from landbridge.platform import logs, settings
from landbridge.platform.temporal import connection


async def connect() -> Client:
    """Configure logging and connect to Temporal.

    Raises:
        TemporalUnreachable: Temporal does not answer, or rejects the credentials.
        BadInput: a setting is missing or wrong.

    """
    logs.configure()
    return await connect_without_logs()


async def connect_without_logs() -> Client:
    """Connect to Temporal; the caller configures logging.

    Raises:
        TemporalUnreachable, BadInput: as `connect`.

    """
    # The SDK logs a warning for each retry; the user gets one message when all have failed.
    logging.getLogger(logs.CORE).setLevel(logging.ERROR)
    return await connection.connect()


def warn_if_unverified(migration: Migration, actors: Iterable[Actor]) -> None:
    """Explain why admins and people are shown as claims, if this process has no key to verify them."""
    if any(by.claimed in CLAIMABLE for by in actors) and not migration.checks_proofs:
        text.say(
            "Entries of admins and people were not verified: set LANDBRIDGE_TOKEN_KEYS as for the portal. "
            "See docs/reference/settings.md."
        )


async def migration(opsgenie_account: str, run: str = "") -> Migration:
    """Connect, and return the client of an account's migration; it does not check that the migration exists.

    Requests apply to the migration `run`; if `run` is empty, to the migration that is running.

    Raises:
        TemporalUnreachable, BadInput: as `connect`; BadInput also for an invalid account name.

    """
    proofs = Proofs(settings.load(settings.ProofSettings).keys)
    return Migration(await connect(), opsgenie_account, run, proofs)
