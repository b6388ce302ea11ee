"""Logs on stderr: readable text on a terminal, JSON lines otherwise. Events of libraries use the same pipeline.

Events have static names and keyword fields (`logger.info("mails_sent", cohort=7)`), never a person's address or name.
"""

import logging
import re
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from landbridge.platform import settings
from landbridge.platform.process_settings import ProcessSettings

CORE = "temporalio.core"
"""The logger that the SDK's Rust core is forwarded to (`platform.temporal.connection`)."""
# The match includes backslashes: half of an escape must not remain in a JSON string. It starts at the beginning of a
# word only: trying each letter of a long word would take quadratic time.
_ADDRESS = re.compile(r"(?<![^\s@\"'<>(),;:])[^\s@\"'<>(),;:]+(@|%40)[\w-]+(\.[\w-]+)+")
_QUIET = ("httpx2", "httpcore2")
"""Below WARNING, these libraries log URLs and headers, which contain addresses and credentials."""
_UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")


def configure(*, in_worker: bool = False) -> None:
    """Send all logs of this process through our pipeline.

    `in_worker` adds the workflow or activity to each event, and drops events during a replay.

    Raises:
        BadInput: a setting is wrong.

    """
    context: list[Processor] = [structlog.contextvars.merge_contextvars]
    first: list[Processor] = []
    if in_worker:
        from landbridge.platform.temporal import log_context  # noqa: PLC0415 - imports the SDK, which a worker has imported anyway

        log_context.configure_sdk_loggers()
        context.append(log_context.add)
        first.append(log_context.drop_while_replaying)
    shared: list[Processor] = [
        *context,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *first,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _unpack_core, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(), _without_addresses],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _UVICORN:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # Paths of the portal contain the tokens of links.
    logging.getLogger("uvicorn.access").disabled = True
    # Read the setting last: if it is wrong and the caller continues, logs work anyway.
    logging.getLogger().setLevel(settings.load(ProcessSettings).log_level)


def _rendering() -> list[Processor]:
    if sys.stderr.isatty():
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _unpack_core(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Convert a forwarded event of the SDK's core to plain fields."""
    core = event.pop("temporal_log", None)
    if core is not None:
        event["core"] = core.fields
    return event


def _without_addresses(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    """Replace email addresses: our events contain none, but error messages of libraries may."""
    return _ADDRESS.sub("[address]", str(line))
