"""The real worker with shorter timeouts and retry delays: `python -m tests.chaos.impatient_worker`.

Otherwise tests would wait minutes for heartbeat timeouts and for deferred mails. The sandbox passes the workflow
modules through, so that workflows see the patched values; every other test uses the production sandbox.
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
def short_timeouts() -> Iterator[None]:
    """Shorten timeouts and delays; also needed to replay histories of such workers."""
    with (
        # Otherwise the sandbox would import the workflow modules again, with the production values.
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
    with short_timeouts():
        exits.run(worker.main)
