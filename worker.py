#!/usr/bin/env python3
"""The worker: puts settings, adapters, activities and workflows together and serves Temporal until told to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.worker import Worker

from activities.accounts import AccountActivities
from activities.failures import PlainFailures
from activities.mail import MailActivities
from activities.roster import RosterActivities
from adapters.atlassian import AtlassianDirectory
from adapters.links import SignedLinks
from adapters.mail import SmtpMailer
from adapters.opsgenie import OpsgenieRoster
from adapters.provisioning import AdminProvisioning, EmulatedProvisioning
from adapters.site_door import SiteDoor
from domain.ports import Provisioning
from runtime import exits, logs, settings, temporal
from steering.cohorts import TemporalCohortDesk
from workflows import options, sandbox
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow

DRAIN = timedelta(seconds=20)
"""How long activities may take to end once we are told to stop; then they are cancelled."""
STOP_SECONDS = 25
"""When the process ends in any case, even if Temporal does not answer: platforms usually kill after 30."""
HEARTBEAT = timedelta(seconds=1)
"""How often at most Temporal is told how far a slice is: what a killed worker did since then may be done again."""
AT_ONCE = {options.MAIL_QUEUE: 4, options.ATLASSIAN_QUEUE: 8, options.OPSGENIE_QUEUE: 4}
"""Activities of each queue that one worker process has under way."""

logger = structlog.get_logger()


def build(
    client: Client,
    accounts: AccountActivities,
    mail: MailActivities,
    roster: RosterActivities,
    *,
    workflows_cached: int = 1_000,
) -> list[Worker]:
    """Return a worker for each task queue; up to `workflows_cached` workflows are kept ready in memory."""
    activities: dict[str, list[Callable[..., Any]]] = {
        options.MAIL_QUEUE: [mail.send_mails, mail.send_notices],
        options.OPSGENIE_QUEUE: [roster.survey, roster.hand_out],
        options.ATLASSIAN_QUEUE: [
            accounts.ensure_accounts,
            accounts.find_accounts,
            accounts.list_sites,
            accounts.ensure_signed_up,
            accounts.ensure_site,
            accounts.ensure_connected,
        ],
    }
    workflows = Worker(
        client,
        task_queue=options.WORKFLOWS,
        workflows=[SiteMigrationWorkflow, CohortWorkflow],
        workflow_runner=sandbox.runner(),
        graceful_shutdown_timeout=DRAIN,
        max_cached_workflows=workflows_cached,
    )
    return [
        workflows,
        *(
            Worker(
                client,
                task_queue=queue,
                activities=methods,
                interceptors=[PlainFailures()],
                max_concurrent_activities=AT_ONCE[queue],
                max_heartbeat_throttle_interval=HEARTBEAT,
                default_heartbeat_throttle_interval=HEARTBEAT,
                graceful_shutdown_timeout=DRAIN,
            )
            for queue, methods in activities.items()
        ),
    ]


@asynccontextmanager
async def serving(workers: list[Worker]) -> AsyncIterator[None]:
    """Run workers; at the end all are drained together, and left behind after `STOP_SECONDS`."""
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(worker.run()) for worker in workers]
        try:
            yield
        finally:
            _, late = await asyncio.wait([asyncio.ensure_future(w.shutdown()) for w in workers], timeout=STOP_SECONDS)
            for run in runs if late else []:
                run.cancel()


async def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    logs.configure(in_worker=True)
    smtp, opsgenie = settings.load(settings.SmtpSettings), settings.load(settings.OpsgenieSettings)
    atlassian, pages = settings.load(settings.AtlassianSettings), settings.load(settings.PortalSettings)
    org_key = atlassian.api_key.get_secret_value()
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    client = await temporal.connect(serve_metrics=True)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(
            OpsgenieRoster(str(opsgenie.url), opsgenie.api_key.get_secret_value(), opsgenie.sso_domains)
        )
        directory = await stack.enter_async_context(
            AtlassianDirectory(
                str(atlassian.url), org_key, atlassian.org_id, sends_invitations=atlassian.sends_invitations
            )
        )
        door = SiteDoor(atlassian.site_url) if atlassian.site_url else None
        provisioning: Provisioning = AdminProvisioning(directory, door)
        if atlassian.provisioning_url:
            emulated = EmulatedProvisioning(str(atlassian.provisioning_url), org_key)
            provisioning = await stack.enter_async_context(emulated)
        mailer = SmtpMailer(
            host=smtp.host,
            port=smtp.port,
            username=smtp.username,
            password=smtp.password.get_secret_value(),
            security=smtp.security.value,
            sender=smtp.sender,
            ca_file=smtp.ca_file,
            connections=smtp.connections,
            links=SignedLinks(str(pages.portal_url), [key.get_secret_value() for key in pages.token_keys]),
        )
        stack.push_async_callback(mailer.close)
        workers = build(
            client,
            AccountActivities(directory, provisioning),
            MailActivities(mailer),
            RosterActivities(source, TemporalCohortDesk(client)),
        )
        async with serving(workers):
            logger.info("worker_started", namespace=client.namespace)
            await stop.wait()
            logger.info("worker_draining")
    logger.info("worker_stopped")
    return exits.Exit.DONE


if __name__ == "__main__":
    exits.run(main)
