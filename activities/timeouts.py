"""How much time Temporal allows for all attempts of an activity together."""

from datetime import timedelta

from temporalio import activity


def time_spent(info: activity.Info) -> timedelta:
    """Return the time between scheduling and the start of this attempt: earlier attempts and time in the queue."""
    return info.started_time - info.scheduled_time


def time_left(info: activity.Info) -> timedelta | None:
    """Return the time that was left when this attempt started; None: there is no limit."""
    limit = info.schedule_to_close_timeout
    return None if limit is None else limit - time_spent(info)
