"""A worker that loses patience soon: `python -m tests.chaos.quick`.

It is worker.py itself; only what would make a test wait for minutes is shorter: how long Temporal waits for a sign of
life, and how long for a person whose mail the server asked us to try again. For that workflows share their modules with
the process; the sandbox proper is in every other test.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

import worker
from activities import batch_progress
from landbridge.domain import lifecycle
from landbridge.platform import exits
from landbridge.platform.temporal import sandbox
from workflows.support import options

HEARTBEAT_TIMEOUT = timedelta(seconds=6)
_SITES_TIMEOUT = timedelta(seconds=8)


@contextmanager
def patience() -> Iterator[None]:
    """Have little of it, also where histories of such workers are replayed."""
    with (
        # Else workflows would have options of their own, read anew in their sandbox, and as patient as ever.
        patch.object(sandbox, "PASSED_THROUGH", (*sandbox.PASSED_THROUGH, "workflows")),
        patch.object(batch_progress, "HEARTBEAT_SECONDS", 1.0),
        patch.object(lifecycle, "FIRST_DEFERRAL", timedelta(seconds=1)),
        patch.object(lifecycle, "MAX_DEFERRAL", timedelta(seconds=4)),
        patch.dict(options.MAIL, heartbeat_timeout=HEARTBEAT_TIMEOUT),
        patch.dict(options.ROSTER, heartbeat_timeout=HEARTBEAT_TIMEOUT),
        patch.dict(options.ACCOUNTS, heartbeat_timeout=HEARTBEAT_TIMEOUT),
        patch.dict(options.ACCOUNT_LOOKUPS, heartbeat_timeout=HEARTBEAT_TIMEOUT),
        patch.dict(options.SITES, start_to_close_timeout=_SITES_TIMEOUT),
    ):
        yield


if __name__ == "__main__":
    with patience():
        exits.run(worker.main)
