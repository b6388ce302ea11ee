#!/usr/bin/env python3
"""The worker: puts settings, adapters, activities and workflows together and serves Temporal until told to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.accounts import AccountActivities
from activities.acknowledgement import AcknowledgedResults
from activities.error_sanitizer import ErrorSanitizer
from activities.mail import MailActivities
from activities.roster import RosterActivities
from activities.sign_in import SignInActivities
from activities.undo import UndoActivities
from landbridge.client.cohorts import TemporalCohortClient
from landbridge.domain.ports import LinkSigner, Provisioning
from landbridge.domain.proof import Proofs
from landbridge.integrations.atlassian.directory import AtlassianDirectory
from landbridge.integrations.atlassian.provisioning import AdminProvisioning, EmulatedProvisioning
from landbridge.integrations.atlassian.site_probe import SiteProbe
from landbridge.integrations.link_tokens import SignedLinks
from landbridge.integrations.opsgenie import OpsgenieRoster
from landbridge.integrations.smtp.mailer import SmtpMailer
from landbridge.integrations.smtp.relay import Server
from landbridge.platform import exits, logs, settings, web
from landbridge.platform.process_settings import WorkerSettings
from landbridge.platform.temporal import connection, sandbox
from landbridge.platform.temporal.histories import Histories
from landbridge.platform.temporal.malformed_messages import MalformedMessageInterceptor
from workflows.admin_session import AdminSessionWorkflow
from workflows.admin_sign_in import AdminSignInWorkflow
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow
from workflows.support import options
from workflows.undo import UndoWorkflow

DRAIN = timedelta(seconds=20)
"""How long activities may take to end once we are told to stop; then they are cancelled."""
STOP_SECONDS = 25
"""When the process ends in any case, even if Temporal does not answer: platforms usually kill after 30."""
HEARTBEAT = timedelta(milliseconds=200)
"""How often at most Temporal is told how far a slice is: what a killed worker did since then may be done again."""
HEALTH = timedelta(seconds=2)
"""How long Temporal may take to say that it is there."""
AT_ONCE = {options.MAIL_QUEUE: 4, options.ATLASSIAN_QUEUE: 8, options.OPSGENIE_QUEUE: 4}
"""Activities of each queue that one worker process has under way."""
WORKFLOW_TASK_CONCURRENCY = 40
"""They share one interpreter, and each has to be done in time: when a migration starts 400 cohorts at once, the SDK's
own 100 may take longer on a busy machine, and the worker is stuck. Those that wait for Atlassian's answer count."""
TASK_SECONDS = 8
"""How long a workflow task may take, within the ten after which Temporal hands it out anew. The SDK's own 2 are too few
for 10,000 signals at once, which is what Temporal takes for one run: that workflow would never get on again."""

WORKFLOWS: list[type] = [SiteMigrationWorkflow, CohortWorkflow, UndoWorkflow, AdminSignInWorkflow, AdminSessionWorkflow]
"""What a worker runs, and what a replay of its histories needs."""

logger = structlog.get_logger()


def build(
    client: Client,
    accounts: AccountActivities,
    mail: MailActivities,
    roster: RosterActivities,
    undo: UndoActivities,
    *,
    sign_in: SignInActivities,
    workflows_cached: int = 1_000,
    begun_per_second: Mapping[str, float] | None = None,
    deployment: WorkerDeploymentConfig | None = None,
) -> list[Worker]:
    """Return a worker for each task queue; up to `workflows_cached` workflows are kept ready in memory.

    `begun_per_second` limits the activities that all workers together begin, by queue; 0: no limit. With a
    `deployment` they get work for their version only.
    """
    limits = begun_per_second or {}
    activities: dict[str, list[Callable[..., Any]]] = {
        options.MAIL_QUEUE: [mail.send_mails, mail.send_notices, sign_in.send_sign_in_link],
        options.OPSGENIE_QUEUE: [roster.survey, roster.assign_people, sign_in.find_admin, sign_in.is_still_admin],
        options.ATLASSIAN_QUEUE: [
            accounts.ensure_accounts,
            accounts.find_accounts,
            accounts.list_sites,
            accounts.ensure_signed_up,
            accounts.ensure_site,
            accounts.ensure_connected,
            undo.revoke_invitations,
        ],
    }
    workflows = Worker(
        client,
        task_queue=options.WORKFLOWS,
        workflows=WORKFLOWS,
        activities=[roster.broadcast_signal],
        interceptors=[ErrorSanitizer(), AcknowledgedResults(), MalformedMessageInterceptor()],
        workflow_runner=sandbox.runner(Histories(client)),
        graceful_shutdown_timeout=DRAIN,
        max_cached_workflows=workflows_cached,
        max_concurrent_workflow_tasks=WORKFLOW_TASK_CONCURRENCY,
        deployment_config=deployment,
    )
    # The SDK has no setting for it (1.35).
    workflows._workflow_worker._deadlock_timeout_seconds = TASK_SECONDS  # type: ignore[union-attr]  # noqa: SLF001
    return [
        workflows,
        *(
            Worker(
                client,
                task_queue=queue,
                activities=methods,
                interceptors=[ErrorSanitizer(), AcknowledgedResults()],
                max_concurrent_activities=AT_ONCE[queue],
                max_task_queue_activities_per_second=limits.get(queue) or None,
                max_heartbeat_throttle_interval=HEARTBEAT,
                default_heartbeat_throttle_interval=HEARTBEAT,
                graceful_shutdown_timeout=DRAIN,
                deployment_config=deployment,
            )
            for queue, methods in activities.items()
        ),
    ]


def deployment(name: str, build_id: str) -> WorkerDeploymentConfig | None:
    """Return what makes workers belong to a version of a deployment; None, if no name is given.

    Running migrations go on with the version that is made the current one: they last for weeks, and no build should
    have to be kept alive for so long. Code that decides otherwise than before asks `workflow.patched`.
    """
    if not name:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(name, build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


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


async def not_ready_reason(client: Client, workers: list[Worker], stop: asyncio.Event) -> str:
    """Return why no work should be expected of this process just now; empty: it takes work."""
    if stop.is_set():
        return "draining"
    if not all(worker.is_running for worker in workers):
        return "starting"
    try:
        serves = await client.service_client.check_health(timeout=HEALTH)
    except RPCError:
        serves = False
    return "" if serves else "Temporal does not answer"


def mailer_for(smtp: settings.SmtpSettings, links: LinkSigner) -> SmtpMailer:
    """Return what sends mail as the settings say.

    Raises:
        BadInput: they cannot be used.

    """
    return SmtpMailer(
        Server(
            host=smtp.host,
            port=smtp.port,
            username=smtp.username,
            password=smtp.password.get_secret_value(),
            security=smtp.security,
            sender=smtp.sender,
            ca_file=smtp.ca_file,
        ),
        links,
        connections=smtp.connections,
        per_second=smtp.per_second,
    )


async def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    logs.configure(in_worker=True)
    smtp, opsgenie = settings.load(settings.SmtpSettings), settings.load(settings.OpsgenieSettings)
    atlassian, pages = settings.load(settings.AtlassianSettings), settings.load(settings.PortalSettings)
    process = settings.load(WorkerSettings)
    org_key = atlassian.api_key.get_secret_value()
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    client = await connection.connect(serve_metrics=True)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(
            OpsgenieRoster(
                str(opsgenie.url),
                opsgenie.api_key.get_secret_value(),
                opsgenie.sso_domains,
                per_second=opsgenie.per_second,
            )
        )
        directory = await stack.enter_async_context(
            AtlassianDirectory(
                str(atlassian.url),
                org_key,
                atlassian.org_id,
                sends_invitations=atlassian.sends_invitations,
                per_second=atlassian.per_second,
            )
        )
        door = SiteProbe(atlassian.site_url) if atlassian.site_url else None
        provisioning: Provisioning = AdminProvisioning(directory, door)
        if atlassian.provisioning_url:
            emulated = EmulatedProvisioning(str(atlassian.provisioning_url), org_key)
            provisioning = await stack.enter_async_context(emulated)
        links = SignedLinks(str(pages.portal_url), pages.keys)
        mailer = mailer_for(smtp, links)
        stack.push_async_callback(mailer.close)
        workers = build(
            client,
            AccountActivities(directory, provisioning),
            MailActivities(mailer),
            RosterActivities(source, TemporalCohortClient(client)),
            UndoActivities(TemporalCohortClient(client), directory),
            sign_in=SignInActivities(source, mailer, links, Proofs(pages.keys)),
            begun_per_second={
                options.MAIL_QUEUE: smtp.batches_per_second,
                options.ATLASSIAN_QUEUE: atlassian.batches_per_second,
            },
            deployment=deployment(process.deployment_name, process.build_id),
        )
        await stack.enter_async_context(
            web.health(process.health_address, partial(not_ready_reason, client, workers, stop))
        )
        async with serving(workers):
            logger.info("worker_started", namespace=client.namespace)
            await stop.wait()
            logger.info("worker_draining")
    logger.info("worker_stopped")
    return exits.Exit.DONE


if __name__ == "__main__":
    exits.run(main)
