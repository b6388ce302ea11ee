"""Acts go into the audit and into the worker's log."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from landbridge.domain.audit import Audit, AuditEntry


def with_entry(audit: Audit, entry: AuditEntry) -> Audit:
    """Return the audit with one more entry, and log the act without names or addresses.

    The log is a record outside Temporal: it remains when histories are deleted (`forget`, retention). It covers every
    way to ask: command line, portal, and messages sent by hand.
    """
    log(entry)
    return audit.with_entry(entry)


def log(entry: AuditEntry) -> None:
    """Log an act: what was asked, and through which channel."""
    claimed = {"claimed": str(entry.by.claimed)} if entry.by.claimed else {}
    workflow.logger.info("act_recorded", extra={"act": str(entry.act), "source": str(entry.by.source), **claimed})
