#!/usr/bin/env python3
"""The worker: wires settings, adapters, activities and workflows, and polls Temporal until SIGTERM or SIGINT."""

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

DRAIN_TIMEOUT = timedelta(seconds=20)
"""How long running activities may take to finish after a stop signal, before they are cancelled."""
STOP_SECONDS = 25
"""After this time the process exits even if Temporal does not answer: platforms usually send SIGKILL after 30 s."""
HEARTBEAT_INTERVAL = timedelta(milliseconds=200)
"""Minimum interval between heartbeats. A retry may repeat what a killed worker did after its last heartbeat."""
HEALTH_TIMEOUT = timedelta(seconds=2)
"""How long Temporal may take to answer a health check."""
ACTIVITY_CONCURRENCY = {options.MAIL_QUEUE: 4, options.ATLASSIAN_QUEUE: 8, options.OPSGENIE_QUEUE: 4}
"""Activities of each task queue that one worker process runs concurrently."""
WORKFLOW_TASK_CONCURRENCY = 40
"""Workflow tasks share one interpreter, and each has a deadline. With the SDK's default of 100 concurrent tasks, a
migration that starts 400 cohorts on a busy machine exceeds the deadline, and the worker is stuck."""
DEADLOCK_SECONDS = 8
"""How long a workflow task may run: less than the 10 seconds after which Temporal retries it. The SDK's default of 2 is
too short for 10,000 pending signals, Temporal's limit for one run: that workflow could never continue."""

WORKFLOWS: list[type] = [SiteMigrationWorkflow, CohortWorkflow, UndoWorkflow, AdminSignInWorkflow, AdminSessionWorkflow]
"""All workflows; a replay of histories needs the same list."""

logger = structlog.get_logger()


def build(
    client: Client,
    accounts: AccountActivities,
    mail: MailActivities,
    roster: RosterActivities,
    undo: UndoActivities,
    *,
    sign_in: SignInActivities,
    max_cached_workflows: int = 1_000,
    activities_per_second: Mapping[str, float] | None = None,
    deployment: WorkerDeploymentConfig | None = None,
) -> list[Worker]:
    """Return a worker for each task queue.

    `activities_per_second` limits how many activities start on a task queue, across all worker processes; 0: no limit.
    With a `deployment`, the workers receive only tasks for their version.
    """
    limits = activities_per_second or {}
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
        graceful_shutdown_timeout=DRAIN_TIMEOUT,
        max_cached_workflows=max_cached_workflows,
        max_concurrent_workflow_tasks=WORKFLOW_TASK_CONCURRENCY,
        deployment_config=deployment,
    )
    # SDK 1.35 has no public option for this.
    workflows._workflow_worker._deadlock_timeout_seconds = DEADLOCK_SECONDS  # type: ignore[union-attr]  # noqa: SLF001
    return [
        workflows,
        *(
            Worker(
                client,
                task_queue=queue,
                activities=methods,
                interceptors=[ErrorSanitizer(), AcknowledgedResults()],
                max_concurrent_activities=ACTIVITY_CONCURRENCY[queue],
                max_task_queue_activities_per_second=limits.get(queue) or None,
                max_heartbeat_throttle_interval=HEARTBEAT_INTERVAL,
                default_heartbeat_throttle_interval=HEARTBEAT_INTERVAL,
                graceful_shutdown_timeout=DRAIN_TIMEOUT,
                deployment_config=deployment,
            )
            for queue, methods in activities.items()
        ),
    ]


def deployment(name: str, build_id: str) -> WorkerDeploymentConfig | None:
    """Return the configuration of Worker Versioning; None if `name` is empty.

    Running migrations move to each new current version (auto-upgrade): they last for weeks, and no old build should
    have to run that long. Changes to workflow decisions are guarded by `workflow.patched`.
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
    """Run workers. On exit, drain them concurrently; after `STOP_SECONDS`, cancel them."""
    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(worker.run()) for worker in workers]
        try:
            yield
        finally:
            _, pending = await asyncio.wait([asyncio.create_task(w.shutdown()) for w in workers], timeout=STOP_SECONDS)
            for run in runs if pending else []:
                run.cancel()


async def not_ready_reason(client: Client, workers: list[Worker], stop: asyncio.Event) -> str:
    """Return why this process does not accept tasks; empty: it accepts them."""
    if stop.is_set():
        return "draining"
    if not all(worker.is_running for worker in workers):
        return "starting"
    try:
        healthy = await client.service_client.check_health(timeout=HEALTH_TIMEOUT)
    except RPCError:
        healthy = False
    return "" if healthy else "Temporal does not answer"


def mailer_for(smtp: settings.SmtpSettings, links: LinkSigner) -> SmtpMailer:
    """Return the mailer for these settings.

    Raises:
        BadInput: a setting is invalid.

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
    """Run until SIGTERM or SIGINT; return the exit code."""
    logs.configure(in_worker=True)
    smtp, opsgenie = settings.load(settings.SmtpSettings), settings.load(settings.OpsgenieSettings)
    atlassian, portal = settings.load(settings.AtlassianSettings), settings.load(settings.PortalSettings)
    process = settings.load(WorkerSettings)
    org_key = atlassian.api_key.get_secret_value()
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    client = await connection.connect(serve_metrics=True)
    async with AsyncExitStack() as stack:
        opsgenie_roster = await stack.enter_async_context(
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
        site_probe = SiteProbe(atlassian.site_url) if atlassian.site_url else None
        provisioning: Provisioning = AdminProvisioning(directory, site_probe)
        if atlassian.provisioning_url:
            emulated = EmulatedProvisioning(str(atlassian.provisioning_url), org_key)
            provisioning = await stack.enter_async_context(emulated)
        links = SignedLinks(str(portal.portal_url), portal.keys)
        mailer = mailer_for(smtp, links)
        stack.push_async_callback(mailer.close)
        workers = build(
            client,
            AccountActivities(directory, provisioning),
            MailActivities(mailer),
            RosterActivities(opsgenie_roster, TemporalCohortClient(client)),
            UndoActivities(TemporalCohortClient(client), directory),
            sign_in=SignInActivities(opsgenie_roster, mailer, links, Proofs(portal.keys)),
            activities_per_second={
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
