"""Is Temporal ready for migrations: the server, what it has to know of us, and workers."""

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
from landbridge.cli.checkup import Check, Unwell, Well
from landbridge.client import runs, stuck_tasks
from landbridge.domain import searchable
from landbridge.platform.temporal import connection
from landbridge.platform.temporal.encryption import PayloadEncryption, key_id, payloads_in
from workflows.support import options

TEMPORAL = "Temporal"
RECENTLY = timedelta(minutes=2)
"""A worker asks for work at least once a minute; the server names those that have gone for minutes longer."""
_RUNNING = "ExecutionStatus = 'Running' AND WorkflowType = 'SiteMigrationWorkflow'"
_SAMPLE = 5
"""Running migrations whose encryption is looked at, the newest first."""
_EVENTS = 50
"""Of the end of each history."""
_QUEUES = {
    options.WORKFLOWS: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    options.MAIL_QUEUE: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    options.OPSGENIE_QUEUE: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    options.ATLASSIAN_QUEUE: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


class _Pollers(NamedTuple):
    """Who asks a task queue for work."""

    workers: set[str]
    versions: set[tuple[str, str]]
    """Their deployments and builds; empty texts: workers without one."""
    receiving: set[tuple[str, str]]
    """The versions to which Temporal hands new tasks."""


class TemporalChecks:
    """The checks that share one connection."""

    def __init__(self) -> None:
        self._client: Client | None = None

    def checks(self) -> list[Check]:
        """Return them, the connection first."""
        return [
            Check(TEMPORAL, self._connect, "Start it, or set TEMPORAL_ADDRESS or TEMPORAL_PROFILE."),
            Check("Search attributes", self._attributes, "See deploy/temporal/create-namespace.sh.", after=TEMPORAL),
            Check("Workers", self._workers, "Start one: .venv/bin/python worker.py", after=TEMPORAL),
            Check("Workflow tasks", self._workflow_tasks, "See docs/how-to/deploy.md.", after=TEMPORAL),
            Check("Encryption", self._encryption, "See LANDBRIDGE_ENCRYPTION_KEYS.", after=TEMPORAL),
        ]

    async def _connect(self) -> Well:
        self._client = await session.connect_quietly()
        target, namespace = self._client.service_client.config.target_host, self._client.namespace
        return Well(f"{target} answers, namespace {namespace}.")

    async def _attributes(self) -> Well:
        client = self._connected
        request = ListSearchAttributesRequest(namespace=client.namespace)
        try:
            answer = await client.operator_service.list_search_attributes(request)
        except RPCError as error:
            raise Unwell(
                f"They cannot be listed ({error.status.name}).", "Give the credentials the right to read the namespace."
            ) from None
        known = {name: _type(number) for name, number in answer.custom_attributes.items()}
        wrong = {name: known[name] for name, kind in searchable.KINDS.items() if known.get(name, kind) != kind}
        if wrong:
            told = ", ".join(f"{name} is {kind}, not {searchable.KINDS[name]}" for name, kind in wrong.items())
            names = " ".join(f"--name {name}" for name in wrong)
            raise Unwell(
                f"{told}.",
                "If nothing else uses them: temporal operator search-attribute remove "
                f"--namespace {client.namespace} {names}; then check again.",
            )
        if missing := {name: kind for name, kind in searchable.KINDS.items() if name not in known}:
            options_ = " ".join(f"--name {name} --type {kind}" for name, kind in missing.items())
            raise Unwell(
                f"{len(missing)} of {len(searchable.KINDS)} are missing: {', '.join(missing)}.",
                f"temporal operator search-attribute create --namespace {client.namespace} {options_}",
            )
        return Well(f"All {len(searchable.KINDS)} are there.")

    async def _encryption(self) -> Well:
        wanted = connection.encryption_settings()
        ours = PayloadEncryption(wanted.keys).key_ids
        needed, began_in_clear = set[str](), False
        try:
            async for execution in self._connected.list_workflows(_RUNNING, limit=_SAMPLE):
                keys, in_clear = await self._keys_of(execution)
                needed, began_in_clear = needed | keys, began_in_clear or in_clear
        except RPCError as error:
            raise Unwell(
                f"Running migrations cannot be looked at ({error.status.name}).",
                "Give the credentials the right to read the namespace.",
            ) from None
        if missing := sorted(needed - set(ours)):
            raise Unwell(
                f"Running migrations are encrypted with a key that is not among ours: {', '.join(missing)}.",
                "Add it to LANDBRIDGE_ENCRYPTION_KEYS here and at every worker; see docs/how-to/encrypt.md.",
            )
        if not ours:
            return Well(
                "Off: Temporal keeps people's addresses and names in clear.",
                "LANDBRIDGE_ENCRYPTION_KEYS turns it on; see docs/how-to/encrypt.md.",
            )
        if began_in_clear and not wanted.encryption_accept_clear:
            raise Unwell(
                "Running migrations that began before encryption was turned on are held up.",
                "Set LANDBRIDGE_ENCRYPTION_ACCEPT_CLEAR=true here and at every worker and portal until they are over; "
                "see docs/how-to/encrypt.md.",
            )
        if wanted.encryption_accept_clear:
            return Well(
                f"On, with the key {ours[0]}, but data in clear are accepted too, whoever wrote them.",
                "Remove LANDBRIDGE_ENCRYPTION_ACCEPT_CLEAR when no migration runs any more that began in clear.",
            )
        more = f"; {len(ours) - 1} more can be read" if ours[1:] else ""
        return Well(f"On, with the key {ours[0]}{more}.")

    async def _keys_of(self, execution: WorkflowExecution) -> tuple[set[str], bool]:
        """Return the ids of the keys that a workflow needs, and whether it began in clear."""
        service, where = self._connected.workflow_service, execution.raw_info.execution
        namespace = self._connected.namespace
        first = await service.get_workflow_execution_history(
            GetWorkflowExecutionHistoryRequest(namespace=namespace, execution=where, maximum_page_size=1)
        )
        last = await service.get_workflow_execution_history_reverse(
            GetWorkflowExecutionHistoryReverseRequest(namespace=namespace, execution=where, maximum_page_size=_EVENTS)
        )
        began, newest = [[key_id(payload) for payload in payloads_in(page.history)] for page in (first, last)]
        return {name for name in (*began, *newest) if name is not None}, None in began

    async def _workers(self) -> Well:
        polled = dict(zip(_QUEUES, await asyncio.gather(*map(self._pollers, _QUEUES)), strict=True))
        if alone := [queue for queue, found in polled.items() if not found.workers]:
            raise Unwell(
                "No worker runs." if len(alone) == len(_QUEUES) else f"No worker looks after {', '.join(alone)}.",
                "Start one: .venv/bin/python worker.py",
            )
        for found in polled.values():
            if not found.versions & found.receiving:
                raise _handed_nothing(found)
        workers = set[str]().union(*(found.workers for found in polled.values()))
        return Well(f"{len(workers)} worker{'' if len(workers) == 1 else 's'}, and every task queue is looked after.")

    async def _workflow_tasks(self) -> Well:
        failing_ = await runs.running(self._connected, runs.FAILING)
        for execution in failing_:
            workflow = await self._connected.get_workflow_handle(execution.id).describe()
            if task := await stuck_tasks.task_of(self._connected, workflow):
                others = f" {len(failing_) - 1} more are stuck." if failing_[1:] else ""
                raise Unwell(f"{task.problem}{others}", task.remedy)
        return Well("None fails again and again.")

    async def _pollers(self, queue: str) -> "_Pollers":
        client = self._connected
        request = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=_QUEUES[queue]
        )
        try:
            answer = await client.workflow_service.describe_task_queue(request)
        except RPCError as error:
            raise Unwell(
                f"They cannot be listed ({error.status.name}).", "Give the credentials the right to read the namespace."
            ) from None
        since = datetime.now(UTC) - RECENTLY
        pollers = [one for one in answer.pollers if one.last_access_time.ToDatetime(tzinfo=UTC) >= since]
        versioning = answer.versioning_info
        return _Pollers(
            workers={one.identity for one in pollers},
            versions={_version_of(one) for one in pollers},
            receiving={
                _version(versioning.current_deployment_version),
                # While none is ramped up to, it is as empty as the current version of unversioned workers.
                *([_version(ramping)] if (ramping := versioning.ramping_deployment_version).build_id else []),
            },
        )

    @property
    def _connected(self) -> Client:
        if self._client is None:
            raise AssertionError("the connection is looked at first")
        return self._client


def _version(version: WorkerDeploymentVersion) -> tuple[str, str]:
    return version.deployment_name, version.build_id


def _version_of(poller: PollerInfo) -> tuple[str, str]:
    versioned = poller.deployment_options
    if versioned.worker_versioning_mode != WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED:
        return "", ""
    return versioned.deployment_name, versioned.build_id


def _handed_nothing(pollers: _Pollers) -> Unwell:
    """Return what to say of workers that run and get no tasks, since another version than theirs is the current one."""
    ((name, build), *_), ((current_name, current), *_) = sorted(pollers.versions), sorted(pollers.receiving)
    now = f"build {current} of {current_name}" if current else "workers without a build id"
    if build:
        return Unwell(
            f"No tasks are handed to the workers: they are build {build} of {name}, and the current version is {now}.",
            f"temporal worker deployment set-current-version --deployment-name {name} --build-id {build} --yes",
        )
    return Unwell(
        f"No tasks are handed to the workers: they have no build id, and the current version is {now}.",
        "Start them with LANDBRIDGE_DEPLOYMENT_NAME and LANDBRIDGE_BUILD_ID, or: temporal worker deployment "
        f"set-current-version --deployment-name {current_name} --unversioned --yes",
    )


def _type(number: "IndexedValueType.ValueType") -> str:
    """Return a type as `searchable.KINDS` has it: `INDEXED_VALUE_TYPE_KEYWORD` is `Keyword`."""
    name = IndexedValueType.Name(number).removeprefix("INDEXED_VALUE_TYPE_")
    return "".join(word.capitalize() for word in name.split("_"))
