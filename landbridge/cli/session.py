"""The connection to Temporal, for commands."""

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
    """Connect to Temporal, with this process's logs sent through our pipeline.

    Raises:
        TemporalUnreachable: it does not answer or refuses us.
        BadInput: a setting cannot be used.

    """
    logs.configure()
    return await connect_quietly()


async def connect_quietly() -> Client:
    """Connect to Temporal, with logs as they are set up.

    Raises:
        TemporalUnreachable, BadInput: as `connect`.

    """
    # The SDK warns of each try to reach a server that is away; the user gets one sentence when they have all failed.
    logging.getLogger(logs.CORE).setLevel(logging.ERROR)
    return await connection.connect()


def say_if_unchecked(migration: Migration, actors: Iterable[Actor]) -> None:
    """Tell why admins and people are shown as claims, where this process has no key to check them."""
    if any(by.claimed in CLAIMABLE for by in actors) and not migration.checks_proofs:
        text.say(
            "Whoever claims to be an admin or a person was not checked: that takes the LANDBRIDGE_TOKEN_KEYS of the "
            "portal. See docs/reference/settings.md."
        )


async def migration(opsgenie_account: str, run: str = "") -> Migration:
    """Connect, and return the migration of an account; whether there is one shows when it is asked.

    Requests are about the migration `run`, if it is given, and else about whichever runs.

    Raises:
        TemporalUnreachable, BadInput: as `connect`; also for a name that no Opsgenie account has.

    """
    proofs = Proofs(settings.load(settings.ProofSettings).keys)
    return Migration(await connect(), opsgenie_account, run, proofs)
