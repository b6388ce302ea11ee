"""Add the running workflow or activity to a worker's log events."""

import structlog
from structlog.typing import EventDict, WrappedLogger
from temporalio import activity, workflow


def configure_sdk_loggers() -> None:
    """Keep the SDK from writing the context into messages: the pipeline adds it as fields."""
    workflow.logger.workflow_info_on_message = False
    workflow.logger.workflow_info_on_extra = False
    activity.logger.activity_info_on_message = False
    activity.logger.activity_info_on_extra = False


def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add the ids of the running workflow or activity."""
    if activity.in_activity():
        info = activity.info()
        event.update(workflow_id=info.workflow_id, activity_type=info.activity_type, attempt=info.attempt)
    elif workflow.in_workflow():
        run = workflow.info()
        event.update(workflow_id=run.workflow_id, run_id=run.run_id, workflow_type=run.workflow_type)
    return event


def drop_while_replaying(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop events during a replay: the workflow logged them when it first ran."""
    if workflow.in_workflow() and workflow.unsafe.is_replaying_history_events():
        raise structlog.DropEvent
    return event
