"""Writes audit entries to the worker's log."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from landbridge.domain.audit import AuditEntry


def log(entry: AuditEntry) -> None:
    """Log what was requested and through which channel, without names or addresses.

    The log remains when histories are deleted (`forget`, retention). It covers all channels: the command line, the
    portal, and messages sent by hand.
    """
    claimed = {"claimed": str(entry.by.claimed)} if entry.by.claimed else {}
    workflow.logger.info("act_recorded", extra={"act": str(entry.act), "source": str(entry.by.source), **claimed})
