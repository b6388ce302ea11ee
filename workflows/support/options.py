"""Task queues, batch sizes, and the options of each kind of activity.

Each service has a task queue of its own, so that its rate limit applies across all workers.
"""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from landbridge.domain.errors import BadInput, Refused, ServiceRejected, Untrusted

WORKFLOWS = "landbridge"
"""Workflow tasks, and activities that call no service."""
MAIL_QUEUE = "landbridge-mail"
OPSGENIE_QUEUE = "landbridge-opsgenie"
ATLASSIAN_QUEUE = "landbridge-atlassian"

ACCOUNT_BATCH = 500
"""People per look-up activity: usually a whole cohort, some 50 kB. The connector looks up 100 of them per call."""
MAIL_BATCH = 50
"""Mails per activity. A larger batch costs fewer billable actions, but more mails are sent twice if a worker dies."""
SMALL_BATCH = 10
"""Batches of at most this many people have priority: a single requested mail, and a migration of ten people, do not
wait for a migration of 100,000."""

HEARTBEAT_TIMEOUT = timedelta(minutes=3)
"""After this time without a heartbeat, Temporal retries an activity. It is longer than a failover of Temporal's
database (90 seconds) plus the time until a worker detects a dead connection (25 more, see `KEEP_ALIVE` in
`platform.temporal.connection`), so that mails sent meanwhile are reported instead of sent again. The price: the batches
of a killed worker wait this long."""
IDEMPOTENT_HEARTBEAT_TIMEOUT = timedelta(seconds=30)
"""The same for idempotent activities, which may be retried sooner."""
MAX_RUN_EVENTS = 1_000
"""Events after which a workflow continues as new. A worker that does not have the workflow in its cache replays all
events before it answers a query: 1,000 events of a cohort take one second of CPU. Temporal's own suggestion comes at
4,096 events."""
MAX_LAST_RUN_EVENTS = 100
"""Maximum events of the run that completes. Workers do not cache closed workflows, so every query replays the last run.
A longer run continues as new with its state, and the next run completes immediately."""

MAX_PENDING = 400
"""Concurrent signals to cohorts about single people. Temporal blocks a workflow with 2,000 pending signals."""

NON_RETRYABLE = tuple(error.code for error in (ServiceRejected, Refused, BadInput, Untrusted))
"""Codes of errors that a retry cannot fix."""

_RETRY_POLICY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=1),
    non_retryable_error_types=list(NON_RETRYABLE),
)
_RETRY_TIMEOUT = timedelta(minutes=10)
"""How long an activity is retried before the workflow reports the problem and starts a new activity."""


_INTERACTIVE, _SMALL = Priority(priority_key=1), Priority(priority_key=2)
"""The default priority is 3. Among tasks of equal priority, Temporal divides a task queue fairly between migrations by
their fairness keys (`client.migrations`)."""


def _options(queue: str, *, start_to_close: timedelta, heartbeat: timedelta | None = None) -> dict[str, Any]:
    # Only an activity that heartbeats is notified of its cancellation, and can return a partial result.
    wait = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
    return {
        "task_queue": queue,
        "start_to_close_timeout": start_to_close,
        "schedule_to_close_timeout": start_to_close + _RETRY_TIMEOUT,
        "heartbeat_timeout": heartbeat,
        "retry_policy": _RETRY_POLICY,
        "cancellation_type": wait if heartbeat else ActivityCancellationType.TRY_CANCEL,
    }


MAIL = _options(MAIL_QUEUE, start_to_close=timedelta(minutes=30), heartbeat=HEARTBEAT_TIMEOUT)
"""A mail server may take 10 minutes for one message (RFC 5321, 4.5.3.2). Heartbeats show that the worker is alive."""
ROSTER = _options(OPSGENIE_QUEUE, start_to_close=timedelta(minutes=30), heartbeat=IDEMPOTENT_HEARTBEAT_TIMEOUT)
"""A roster of 100,000 people has 1,000 pages."""
ACCOUNTS = _options(ATLASSIAN_QUEUE, start_to_close=timedelta(minutes=10), heartbeat=HEARTBEAT_TIMEOUT)
"""Half of the time is for the calls (`activities.batch_progress`), the rest to report the created accounts: an undo
cannot revoke an account that was not reported."""
ACCOUNT_LOOKUPS = _options(ATLASSIAN_QUEUE, start_to_close=timedelta(minutes=5), heartbeat=IDEMPOTENT_HEARTBEAT_TIMEOUT)
UNDO = _options(ATLASSIAN_QUEUE, start_to_close=timedelta(minutes=30), heartbeat=IDEMPOTENT_HEARTBEAT_TIMEOUT)
"""One call for each person of a cohort."""
ADMIN_LOOKUPS = {**_options(OPSGENIE_QUEUE, start_to_close=timedelta(minutes=1)), "priority": _INTERACTIVE}
SIGN_IN_MAIL = {**_options(MAIL_QUEUE, start_to_close=HEARTBEAT_TIMEOUT), "priority": _INTERACTIVE}
"""One mail, without a heartbeat. The timeout has to cover a failover of Temporal too, as `HEARTBEAT_TIMEOUT` does."""
COHORTS = _options(WORKFLOWS, start_to_close=timedelta(minutes=10), heartbeat=IDEMPOTENT_HEARTBEAT_TIMEOUT)
"""Signals to all cohorts. An activity sends them, because 400 signals from the workflow would add 800 events."""
SITES = {**_options(ATLASSIAN_QUEUE, start_to_close=timedelta(minutes=1)), "priority": _INTERACTIVE}


def for_people(how: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the options for a batch of this many people: small batches have priority."""
    return {**how, "priority": _SMALL} if number <= SMALL_BATCH else how
