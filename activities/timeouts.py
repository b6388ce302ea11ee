"""For how long Temporal tries an activity, over all of its attempts."""

from datetime import timedelta

from temporalio import activity


def tried_for(doing: activity.Info) -> timedelta:
    """Return how long it had been waited for when this attempt began: earlier attempts and the queue count."""
    return doing.started_time - doing.scheduled_time


def left(doing: activity.Info) -> timedelta | None:
    """Return how long Temporal went on trying when this attempt began; None: without end."""
    whole = doing.schedule_to_close_timeout
    return None if whole is None else whole - tried_for(doing)
