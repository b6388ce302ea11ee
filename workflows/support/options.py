"""Task queues and what is asked of Temporal for each kind of activity, named once.

A neighbour has a queue of its own, so that its limits hold across all workers.
"""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from landbridge.domain.errors import BadInput, Refused, ServiceRejected, Untrusted

WORKFLOWS = "landbridge"
"""Workflow tasks, and what concerns no neighbour."""
MAIL_QUEUE = "landbridge-mail"
OPSGENIE_QUEUE = "landbridge-opsgenie"
ATLASSIAN_QUEUE = "landbridge-atlassian"

ACCOUNT_BATCH = 500
"""People per look-up activity: a whole cohort as a rule, some 50 kB. The connector asks for 100 of them in a call."""
MAIL_BATCH = 50
"""Mails per activity: what can be sent twice when a worker dies, against one billable action each time."""
FEW = 10
"""Slices of up to so many people go before larger ones: one who asked for a mail, and a migration of ten, do not wait
for one of 100,000."""

HEARTBEAT_TIMEOUT = timedelta(minutes=3)
"""How long Temporal may hear nothing of an attempt before it begins another one. It covers a failover of Temporal's
database (90 seconds) and a worker that notices a dead connection late (25 more, see `KEEP_ALIVE` in
`platform.temporal.connection`): what was sent meanwhile is then reported, not sent again. The price: the batches of a
killed worker wait for as long."""
REPEATABLE = timedelta(seconds=30)
"""The same for activities that may be repeated at will: they only read, or repeating them changes nothing."""
MAX_RUN_EVENTS = 1_000
"""Events of one run, after which a workflow continues as new. A worker that does not have it in memory replays them all
before it answers a query: a cohort's 1,000 events take one second of CPU. Temporal's own suggestion comes at 4,096."""
MAX_LAST_RUN_EVENTS = 100
"""Events of the run that completes. Workers keep no closed workflow in memory, so every query about one replays its
last run. A longer run continues as new with its state, and the next run completes at once."""

MAX_PENDING = 400
"""Signals about single people under way at once; a workflow with 2,000 pending would not get on at all."""

FINAL = tuple(error.code for error in (ServiceRejected, Refused, BadInput, Untrusted))
"""Codes of errors that a retry cannot fix."""

_PATIENT = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=1),
    non_retryable_error_types=list(FINAL),
)
_AT_MOST = timedelta(minutes=10)
"""How long one activity is tried before the workflow says that a neighbour is away, and begins anew."""


_SOMEBODY_WAITS, _FIRST = Priority(priority_key=1), Priority(priority_key=2)
"""Before the others of a task queue, whose turns come at 3. Among equals Temporal is fair to each migration by its
fairness key (`client.migrations`)."""


def _options(queue: str, *, start_to_close: timedelta, heartbeat: timedelta | None = None) -> dict[str, Any]:
    # Only with a heartbeat does an activity hear that it is to break off, and can answer what it has done.
    waits = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
    return {
        "task_queue": queue,
        "start_to_close_timeout": start_to_close,
        "schedule_to_close_timeout": start_to_close + _AT_MOST,
        "heartbeat_timeout": heartbeat,
        "retry_policy": _PATIENT,
        "cancellation_type": waits if heartbeat else ActivityCancellationType.TRY_CANCEL,
    }


MAIL = _options(MAIL_QUEUE, start_to_close=timedelta(minutes=30), heartbeat=HEARTBEAT_TIMEOUT)
"""A mail server may take 10 minutes over one message (RFC 5321, 4.5.3.2); the heartbeat tells it from a dead worker."""
ROSTER = _options(OPSGENIE_QUEUE, start_to_close=timedelta(minutes=30), heartbeat=REPEATABLE)
"""A roster of 100,000 is 1,000 pages."""
ACCOUNTS = _options(ATLASSIAN_QUEUE, start_to_close=timedelta(minutes=10), heartbeat=HEARTBEAT_TIMEOUT)
"""Half of the time is for the calls (`activities.batch_progress`), the rest to report what they created: an account
that the workflow does not hear of is not revoked by an undo."""
ACCOUNT_LOOKUPS = _options(ATLASSIAN_QUEUE, start_to_close=timedelta(minutes=5), heartbeat=REPEATABLE)
UNDO = _options(ATLASSIAN_QUEUE, start_to_close=timedelta(minutes=30), heartbeat=REPEATABLE)
"""A call for each person of a cohort."""
LEADER = {**_options(OPSGENIE_QUEUE, start_to_close=timedelta(minutes=1)), "priority": _SOMEBODY_WAITS}
SIGN_IN_MAIL = {**_options(MAIL_QUEUE, start_to_close=HEARTBEAT_TIMEOUT), "priority": _SOMEBODY_WAITS}
"""One mail, without a heartbeat: its result may have to wait for Temporal just as long."""
COHORTS = _options(WORKFLOWS, start_to_close=timedelta(minutes=10), heartbeat=REPEATABLE)
"""Signals to all cohorts: by an activity, since 400 signals of the workflow's own would be 800 events."""
SITES = {**_options(ATLASSIAN_QUEUE, start_to_close=timedelta(minutes=1)), "priority": _SOMEBODY_WAITS}


def for_people(how: dict[str, Any], number: int) -> dict[str, Any]:
    """Return the options for a slice of so many people: few go first."""
    return {**how, "priority": _FIRST} if number <= FEW else how
