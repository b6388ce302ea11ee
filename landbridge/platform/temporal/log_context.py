"""What a worker's log events say of Temporal: which workflow or activity they belong to."""

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
        doing = activity.info()
        event.update(workflow_id=doing.workflow_id, activity_type=doing.activity_type, attempt=doing.attempt)
    elif workflow.in_workflow():
        run = workflow.info()
        event.update(workflow_id=run.workflow_id, run_id=run.run_id, workflow_type=run.workflow_type)
    return event


def drop_while_replaying(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say nothing twice: replayed workflow code has said it when it ran first."""
    if workflow.in_workflow() and workflow.unsafe.is_replaying_history_events():
        raise structlog.DropEvent
    return event
