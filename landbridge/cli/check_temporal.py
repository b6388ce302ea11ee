"""Checks of the Temporal server, its search attributes, the workers, and encryption."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType, WorkerVersioningMode
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError

from landbridge.cli import session
from landbridge.cli.checks import Check, CheckFailed, Passed
from landbridge.client import runs, stuck_tasks
from landbridge.domain import searchable
from landbridge.platform.temporal import connection
from landbridge.platform.temporal.encryption import PayloadEncryption, key_id, payloads_in
from workflows.support import options

TEMPORAL = "Temporal"
MAX_POLL_AGE = timedelta(minutes=2)
"""Ignore workers whose last poll is older: a worker polls at least once a minute, but the server lists workers for
minutes after they have stopped."""
_RUNNING = "ExecutionStatus = 'Running' AND WorkflowType = 'SiteMigrationWorkflow'"
_MAX_MIGRATIONS = 5
"""Running migrations whose encryption is checked, newest first."""
_MAX_EVENTS = 50
"""Events to check at the end of each history."""
_QUEUES = {
    options.WORKFLOWS: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    options.MAIL_QUEUE: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    options.OPSGENIE_QUEUE: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    options.ATLASSIAN_QUEUE: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


class _Pollers(NamedTuple):
    """The workers that poll a task queue."""

    workers: set[str]
    versions: set[tuple[str, str]]
    """The workers' deployments and builds; empty strings for unversioned workers."""
    receiving: set[tuple[str, str]]
    """The versions to which Temporal dispatches tasks."""


class TemporalChecks:
    """Checks that share one connection."""

    def __init__(self) -> None:
        self._client: Client | None = None

    def checks(self) -> list[Check]:
        """Return the checks, the connection first."""
        return [
            Check(TEMPORAL, self._connect, "Start Temporal, or set TEMPORAL_ADDRESS or TEMPORAL_PROFILE."),
            Check("Search attributes", self._attributes, "See deploy/temporal/create-namespace.sh.", requires=TEMPORAL),
            Check("Workers", self._workers, "Start a worker: .venv/bin/python worker.py", requires=TEMPORAL),
            Check("Workflow tasks", self._workflow_tasks, "See docs/how-to/deploy.md.", requires=TEMPORAL),
            Check("Encryption", self._encryption, "Check LANDBRIDGE_ENCRYPTION_KEYS.", requires=TEMPORAL),
        ]

    async def _connect(self) -> Passed:
        self._client = await session.connect_without_logs()
        target, namespace = self._client.service_client.config.target_host, self._client.namespace
        return Passed(f"{target} answers, namespace {namespace}.")

    async def _attributes(self) -> Passed:
        client = self._connected
        request = ListSearchAttributesRequest(namespace=client.namespace)
        try:
            answer = await client.operator_service.list_search_attributes(request)
        except RPCError as error:
            raise CheckFailed(
                f"Search attributes cannot be listed ({error.status.name}).",
                "Give the credentials the right to read the namespace.",
            ) from None
        known = {name: _type(number) for name, number in answer.custom_attributes.items()}
        wrong = {name: known[name] for name, kind in searchable.KINDS.items() if known.get(name, kind) != kind}
        if wrong:
            types = ", ".join(f"{name} has the type {known[name]}, not {searchable.KINDS[name]}" for name in wrong)
            names = " ".join(f"--name {name}" for name in wrong)
            raise CheckFailed(
                f"{types}.",
                "If nothing else uses them, run: temporal operator search-attribute remove "
                f"--namespace {client.namespace} {names}; then check again.",
            )
        if missing := {name: kind for name, kind in searchable.KINDS.items() if name not in known}:
            options_ = " ".join(f"--name {name} --type {kind}" for name, kind in missing.items())
            raise CheckFailed(
                f"{len(missing)} of {len(searchable.KINDS)} search attributes are missing: {', '.join(missing)}.",
                f"temporal operator search-attribute create --namespace {client.namespace} {options_}",
            )
        return Passed(f"All {len(searchable.KINDS)} search attributes are registered.")

    async def _encryption(self) -> Passed:
        config = connection.encryption_settings()
        known = PayloadEncryption(config.keys).key_ids
        needed, any_unencrypted = set[str](), False
        try:
            async for execution in self._connected.list_workflows(_RUNNING, limit=_MAX_MIGRATIONS):
                keys, unencrypted = await self._keys_of(execution)
                needed, any_unencrypted = needed | keys, any_unencrypted or unencrypted
        except RPCError as error:
            raise CheckFailed(
                f"Running migrations cannot be read ({error.status.name}).",
                "Give the credentials the right to read the namespace.",
            ) from None
        if missing := sorted(needed - set(known)):
            raise CheckFailed(
                f"Running migrations are encrypted with a key that is not configured here: {', '.join(missing)}.",
                "Add it to LANDBRIDGE_ENCRYPTION_KEYS here and for every worker; see docs/how-to/encrypt.md.",
            )
        if not known:
            return Passed(
                "Off: Temporal stores people's addresses and names unencrypted.",
                "Set LANDBRIDGE_ENCRYPTION_KEYS to turn encryption on; see docs/how-to/encrypt.md.",
            )
        if any_unencrypted and not config.encryption_accept_clear:
            raise CheckFailed(
                "Migrations that started before encryption was turned on are blocked.",
                "Set LANDBRIDGE_ENCRYPTION_ACCEPT_CLEAR=true here and for every worker and portal until they have "
                "ended; see docs/how-to/encrypt.md.",
            )
        if config.encryption_accept_clear:
            return Passed(
                f"On, with the key {known[0]}, but unencrypted data is accepted too, from any writer.",
                "Remove LANDBRIDGE_ENCRYPTION_ACCEPT_CLEAR when all migrations that started unencrypted have ended.",
            )
        more = f"; {len(known) - 1} older keys can be read" if known[1:] else ""
        return Passed(f"On, with the key {known[0]}{more}.")

    async def _keys_of(self, execution: WorkflowExecution) -> tuple[set[str], bool]:
        """Return the ids of the keys of a workflow's first and newest payloads, and whether it started unencrypted."""
        service, where = self._connected.workflow_service, execution.raw_info.execution
        namespace = self._connected.namespace
        first = await service.get_workflow_execution_history(
            GetWorkflowExecutionHistoryRequest(namespace=namespace, execution=where, maximum_page_size=1)
        )
        last = await service.get_workflow_execution_history_reverse(
            GetWorkflowExecutionHistoryReverseRequest(
                namespace=namespace, execution=where, maximum_page_size=_MAX_EVENTS
            )
        )
        start, newest = [[key_id(payload) for payload in payloads_in(page.history)] for page in (first, last)]
        return {name for name in (*start, *newest) if name is not None}, None in start

    async def _workers(self) -> Passed:
        pollers = dict(zip(_QUEUES, await asyncio.gather(*map(self._pollers, _QUEUES)), strict=True))
        if unpolled := [queue for queue, found in pollers.items() if not found.workers]:
            raise CheckFailed(
                "No worker is running."
                if len(unpolled) == len(_QUEUES)
                else f"No worker polls the task queues {', '.join(unpolled)}.",
                "Start a worker: .venv/bin/python worker.py",
            )
        for found in pollers.values():
            if not found.versions & found.receiving:
                raise _no_tasks(found)
        workers = set[str]().union(*(found.workers for found in pollers.values()))
        return Passed(f"{len(workers)} worker{'' if len(workers) == 1 else 's'}; every task queue is polled.")

    async def _workflow_tasks(self) -> Passed:
        failing = await runs.running(self._connected, runs.FAILING)
        for execution in failing:
            workflow = await self._connected.get_workflow_handle(execution.id).describe()
            if task := await stuck_tasks.task_of(self._connected, workflow):
                others = f" {len(failing) - 1} more workflows are stuck." if failing[1:] else ""
                raise CheckFailed(f"{task.problem}{others}", task.remedy)
        return Passed("No workflow task fails repeatedly.")

    async def _pollers(self, queue: str) -> _Pollers:
        client = self._connected
        request = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=_QUEUES[queue]
        )
        try:
            answer = await client.workflow_service.describe_task_queue(request)
        except RPCError as error:
            raise CheckFailed(
                f"Workers cannot be listed ({error.status.name}).",
                "Give the credentials the right to read the namespace.",
            ) from None
        since = datetime.now(UTC) - MAX_POLL_AGE
        pollers = [poller for poller in answer.pollers if poller.last_access_time.ToDatetime(tzinfo=UTC) >= since]
        versioning = answer.versioning_info
        return _Pollers(
            workers={poller.identity for poller in pollers},
            versions={_version_of(poller) for poller in pollers},
            receiving={
                _version(versioning.current_deployment_version),
                # Without a ramping version this field is empty, as is the current version of unversioned workers.
                *([_version(ramping)] if (ramping := versioning.ramping_deployment_version).build_id else []),
            },
        )

    @property
    def _connected(self) -> Client:
        if self._client is None:
            raise AssertionError("the connection is checked first")
        return self._client


def _version(version: WorkerDeploymentVersion) -> tuple[str, str]:
    return version.deployment_name, version.build_id


def _version_of(poller: PollerInfo) -> tuple[str, str]:
    versioned = poller.deployment_options
    if versioned.worker_versioning_mode != WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED:
        return "", ""
    return versioned.deployment_name, versioned.build_id


def _no_tasks(pollers: _Pollers) -> CheckFailed:
    """Return the error for workers that get no tasks because their version is not the current version."""
    ((name, build), *_), ((current_name, current), *_) = sorted(pollers.versions), sorted(pollers.receiving)
    now = f"build {current} of {current_name}" if current else "workers without a build id"
    if build:
        return CheckFailed(
            f"The workers get no tasks: they are build {build} of {name}, but the current version is {now}.",
            f"temporal worker deployment set-current-version --deployment-name {name} --build-id {build} --yes",
        )
    return CheckFailed(
        f"The workers get no tasks: they have no build id, but the current version is {now}.",
        "Start them with LANDBRIDGE_DEPLOYMENT_NAME and LANDBRIDGE_BUILD_ID, or run: temporal worker deployment "
        f"set-current-version --deployment-name {current_name} --unversioned --yes",
    )


def _type(number: "IndexedValueType.ValueType") -> str:
    """Return a type's name as in `searchable.KINDS`: `Keyword` for `INDEXED_VALUE_TYPE_KEYWORD`."""
    name = IndexedValueType.Name(number).removeprefix("INDEXED_VALUE_TYPE_")
    return "".join(word.capitalize() for word in name.split("_"))
