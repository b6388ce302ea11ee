"""Reads one migration: its status, people, report, audit and undo."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.exceptions import ApplicationError

from landbridge.client import runs, stuck_tasks
from landbridge.client.answers import (
    FailingTask,
    FoundPerson,
    MigrationStatus,
    MigrationSummary,
    People,
    Report,
    ReportLine,
    RunState,
)
from landbridge.client.calls import QUERY_SECONDS, READ_SECONDS, NoWorkerAnswers, translate_rpc_errors
from landbridge.client.paging import COHORT_CONCURRENCY, FIRST, Position, read_page
from landbridge.domain import addresses, ids, proof
from landbridge.domain import audit as audits
from landbridge.domain.audit import Audit
from landbridge.domain.errors import BadInput, NotFound
from landbridge.domain.messages import (
    CANCELLED,
    CohortResult,
    CohortView,
    MigrationResult,
    PeoplePage,
    PeopleQuery,
    Progress,
    UndoProgress,
)
from landbridge.domain.people import Counts, State, next_step
from landbridge.domain.proof import NO_PROOFS, Proofs
from landbridge.domain.text import NO_TEXT, Text, text, verbatim
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow
from workflows.support import search_attributes
from workflows.support.failures import text_of
from workflows.undo import UndoWorkflow

MAX_COHORTS_QUERIED = 20
"""Up to this number of cohorts, `status` queries each; beyond it, it adds up search attributes (up to an hour old)."""
COHORT_QUERY_SECONDS = 1.0
"""How long `status` waits for the cohorts' answers before it falls back to their search attributes."""
_PAGE = 250
_COHORT_LIST_PAGE = 500
"""More than a migration has cohorts, so listing them takes one call: Temporal limits list calls to ten a second."""
_MAX_EXTRA_FAILING = 3
"""Failing cohorts to describe beyond the first `MAX_COHORTS_QUERIED`: they usually fail for the same reason."""
_Answer = TypeVar("_Answer")


class MigrationReader:
    """Reads the migration of one Opsgenie account, running or ended."""

    def __init__(self, client: Client, opsgenie_account: str, proofs: Proofs = NO_PROOFS) -> None:
        """`proofs` verifies and signs acts of admins and people; without keys they are reported as mere claims."""
        self._client = client
        self._proofs = proofs
        self._account = ids.check_opsgenie_account(opsgenie_account)
        self._what = text("migration of {opsgenie_account}", opsgenie_account=opsgenie_account)
        self._handle: WorkflowHandle[SiteMigrationWorkflow, MigrationResult] = client.get_workflow_handle_for(
            SiteMigrationWorkflow.run, ids.migration(opsgenie_account)
        )
        self._undo_handle: WorkflowHandle[UndoWorkflow, UndoProgress] = client.get_workflow_handle_for(
            UndoWorkflow.run, ids.undo(opsgenie_account)
        )

    @property
    def checks_proofs(self) -> bool:
        """Whether there are keys to verify who did what; without keys, admins and people are shown as claims."""
        return bool(self._proofs)

    # Status.

    async def status(self) -> MigrationStatus:
        """Return the migration's status; without a worker, what the server and the search attributes know.

        Raises:
            NotFound: there is no such migration, or Temporal has deleted it.

        """
        description = await self._description()
        summary = await self._summary_of(description)
        failure = await self._failure() if summary.run_state is RunState.FAILED else NO_TEXT
        try:
            progress = await self.progress(QUERY_SECONDS)
        except NoWorkerAnswers:
            progress = None
        is_small = progress is not None and progress.cohorts <= MAX_COHORTS_QUERIED
        # A service that is down is down for all cohorts, so the pending activities of some cohorts show it.
        sample = min(progress.cohorts, MAX_COHORTS_QUERIED) if progress else 0
        described = await self._of_each_cohort(self._describe, sample)
        views = await self._query_cohorts(progress.cohorts) if progress and is_small else None
        if views is None:
            counts = sum(map(_counts_attribute, await self._listed_cohorts(description)), Counts())
            reported = progress.problems if progress else []
        else:
            counts = sum((view.counts for view in views), Counts())
            reported = [view.problem for view in views if view.problem]
        failing_tasks = await self._failing_tasks(description, described, all_described=is_small)
        if views is None:
            paused = bool(await runs.running(self._client, runs.PAUSED, self._account))
        else:
            paused = bool(progress and progress.paused) or any(view.paused for view in views)
        problems = {
            sentence for workflow in (description, *described) for sentence in await self._retry_reasons(workflow)
        }
        return MigrationStatus(
            **{
                **summary.model_dump(),
                "paused": paused and summary.run_state is RunState.RUNNING,
                "stuck": bool(failing_tasks),
            },
            failure=failure,
            failing=failing_tasks,
            problems=sorted(problems.union(reported)),
            progress=progress,
            counts=counts,
            exact=views is not None,
            people_total=counts.total,
            people_waiting=counts.waiting,
            people_connected=counts[State.CONNECTED],
        )

    async def _failing_tasks(
        self,
        migration: WorkflowExecutionDescription,
        cohorts: Sequence[WorkflowExecutionDescription],
        *,
        all_described: bool,
    ) -> list[FailingTask]:
        """Return repeatedly failing tasks; of cohorts that were not described, a few that the server reports."""
        described = [migration, *cohorts]
        if migration.status is WorkflowExecutionStatus.RUNNING and not all_described:
            known = {workflow.id for workflow in described}
            reported = await runs.running(self._client, runs.FAILING, self._account)
            others = [workflow.id for workflow in reported if workflow.id not in known]
            described += await asyncio.gather(*map(self._describe, others[:_MAX_EXTRA_FAILING]))
        tasks = await asyncio.gather(*(stuck_tasks.task_of(self._client, workflow) for workflow in described))
        return [task for task in tasks if task is not None]

    async def _query_cohorts(self, cohorts: int) -> list[CohortView] | None:
        """Return the cohorts' current state; None if they do not answer within `COHORT_QUERY_SECONDS`."""
        try:
            async with asyncio.timeout(COHORT_QUERY_SECONDS):
                return await self._of_each_cohort(self._view, cohorts)
        except (TimeoutError, NoWorkerAnswers):
            return None

    async def summary(self) -> MigrationSummary:
        """Return what the Temporal server knows about the migration; needs no worker.

        Raises:
            NotFound: there is no such migration, or Temporal has deleted it.

        """
        return await self._summary_of(await self._description())

    async def _description(self) -> WorkflowExecutionDescription:
        async with translate_rpc_errors(self._what):
            return await self._handle.describe(rpc_timeout=QUERY_SECONDS)

    async def _summary_of(self, description: WorkflowExecutionDescription) -> MigrationSummary:
        summary, first_run_id = summarise(description), runs.first_run_id(description)
        if description.run_id == first_run_id:
            return summary
        # The retention of the first run ends before that of the last run.
        with suppress(NotFound):
            async with translate_rpc_errors(self._what):
                first = await self._client.get_workflow_handle(description.id, run_id=first_run_id).describe(
                    rpc_timeout=QUERY_SECONDS
                )
            summary = summary.model_copy(update={"started_at": first.start_time})
        return summary

    async def progress(self, within: timedelta = READ_SECONDS) -> Progress:
        """Return the checklist and the open task; `within` is the timeout for the worker's answer."""
        async with translate_rpc_errors(self._what, within):
            return await self._handle.query(SiteMigrationWorkflow.progress, rpc_timeout=within)

    async def _failure(self) -> Text:
        try:
            await self._handle.result()
        except WorkflowFailureError as error:
            cause = error.cause
            return text_of(cause) if isinstance(cause, ApplicationError) else verbatim(type(cause).__name__)
        return NO_TEXT

    async def _of_each_cohort(self, ask: Callable[[str], Awaitable[_Answer]], cohorts: int) -> list[_Answer]:
        return await asyncio.gather(*(ask(ids.cohort(self._account, number)) for number in range(1, cohorts + 1)))

    async def _describe(self, workflow_id: str) -> WorkflowExecutionDescription:
        async with translate_rpc_errors(self._what):
            return await self._client.get_workflow_handle(workflow_id).describe(rpc_timeout=QUERY_SECONDS)

    async def _retry_reasons(self, workflow: WorkflowExecutionDescription) -> list[Text]:
        """Return why activities are being retried, without personal data (see `activities.error_sanitizer`)."""
        failures = [
            await self._client.data_converter.decode_failure(activity.last_failure)
            for activity in workflow.raw_description.pending_activities
            if activity.HasField("last_failure")
        ]
        return [text_of(failure) for failure in failures if isinstance(failure, ApplicationError) and failure.message]

    async def _view(self, cohort_id: str) -> CohortView:
        async with translate_rpc_errors(self._what):
            return await self._client.get_workflow_handle_for(CohortWorkflow.run, cohort_id).query(
                CohortWorkflow.cohort, rpc_timeout=QUERY_SECONDS
            )

    async def _listed_cohorts(self, description: WorkflowExecutionDescription) -> list[WorkflowExecution]:
        query = (
            f"WorkflowType = 'CohortWorkflow' AND RootRunId = '{runs.first_run_id(description)}' "
            "AND ExecutionStatus != 'ContinuedAsNew'"
        )
        async with translate_rpc_errors(self._what):
            return [execution async for execution in self._client.list_workflows(query, page_size=_COHORT_LIST_PAGE)]

    # People.

    async def people(
        self, states: Sequence[State] = (), *, search: str = "", page: str = "", limit: int = _PAGE
    ) -> People:
        """Return a page of the people in these states (none given: all) whose name or address contains the search text.

        They are in roster order, cohort by cohort. A search for a complete address finds only the person it belongs to.

        Raises:
            BadInput: `page` is no page token.

        """
        begin = Position.read(page)
        query = PeopleQuery(states=list(states), search=search, limit=limit)
        cohorts = await self._number_of_cohorts()
        if (
            cohorts
            and begin == FIRST
            and _may_be_address(search)
            and (found := await self._person_with(search, states))
        ):
            return People(people=found)
        read = await read_page(self._query_people, cohorts, query, begin)
        return People(
            people=[ReportLine.of(*listed) for listed in read.people], next=str(read.next) if read.next else ""
        )

    async def everyone(self, states: Sequence[State] = ()) -> AsyncIterator[list[ReportLine]]:
        """Yield all people in these states (none given: all) page by page, so that memory stays bounded."""
        cohorts, position = await self._number_of_cohorts(), FIRST
        query, undo = PeopleQuery(states=list(states), limit=_PAGE), await self.undo()
        while True:
            read = await read_page(self._query_people, cohorts, query, position)
            lines = [ReportLine.of(*listed) for listed in read.people]
            yield await self._with_undone(lines) if undo else lines
            if read.next is None:
                return
            position = read.next

    async def _person_with(self, email: str, states: Sequence[State]) -> list[ReportLine]:
        number = await self._cohort_number(email)
        page = await self._query_people(number, PeopleQuery(states=list(states), email=email))
        return [ReportLine.of(number, person) for person in page.people]

    async def person(self, email: str) -> FoundPerson:
        """Return one person, by any spelling of their current or a former address.

        Raises:
            NotFound: no person with this address is in the migration.

        """
        number = await self._cohort_number(email)
        # A query without an address would return everyone.
        page = await self._query_people(number, PeopleQuery(email=email)) if email else PeoplePage(people=[])
        return await self._found(number, page)

    async def person_numbered(self, cohort: int, number: int) -> FoundPerson:
        """Return one person, by the cohort and number of `ReportLine`.

        Raises:
            NotFound: there is no such person.

        """
        if not (1 <= cohort <= await self._number_of_cohorts() and number >= 1):
            return await self._found(cohort, PeoplePage(people=[]))
        return await self._found(cohort, await self._query_people(cohort, PeopleQuery(person=number)))

    async def _found(self, cohort: int, page: PeoplePage) -> FoundPerson:
        if not page.people:
            raise NotFound(text("Nobody with this address is in the {what}.", what=self._what))
        person, cohort_id, run = page.people[0], ids.cohort(self._account, cohort), await self._current_run()
        timeline = self._proofs.checked_timeline(
            person.timeline,
            migration=proof.in_migration(self._account, run),
            cohort=proof.in_cohort(cohort_id, run),
        )
        person = replace(person, timeline=timeline)
        return FoundPerson(
            cohort=cohort,
            cohort_id=cohort_id,
            person=person,
            next_step=next_step(person),
        )

    async def report(self) -> Report:
        """Return everyone, with the next step for each person who is not connected."""
        summary = await self.summary()
        progress = await self.progress()
        lines = [line async for page in self.everyone() for line in page]
        counts = {state: sum(line.state is state for line in lines) for state in State}
        return Report(
            opsgenie_account=self._account,
            site=progress.site,
            run_state=summary.run_state,
            counts=Counts(by_state={state: number for state, number in counts.items() if number}),
            people=lines,
        )

    # Audit.

    async def audit(self) -> Audit:
        """Return who requested what of the migration and its people, newest first; also after the migration has ended.

        It includes earlier migrations of the account for as long as Temporal keeps them, so that starting again hides
        nothing. Acts without a valid proof are attributed to an operator who claims another identity.
        """
        async with translate_rpc_errors(self._what, READ_SECONDS):
            own = await self._handle.query(SiteMigrationWorkflow.audit, rpc_timeout=READ_SECONDS)
        slots, run = asyncio.Semaphore(COHORT_CONCURRENCY), await self._current_run()

        async def audit_of(workflow: WorkflowHandle[Any, Any], run: str) -> Audit:
            async with slots, translate_rpc_errors(self._what, READ_SECONDS):
                # The query has the same name in all workflows.
                found: Audit = await workflow.query("audit", result_type=Audit, rpc_timeout=READ_SECONDS)
            return self._proofs.checked_audit(found, proof.in_migration(self._account, run))

        workflows: list[tuple[WorkflowHandle[Any, Any], str]] = [
            (self._cohort(number), run) for number in range(1, await self._number_of_cohorts() + 1)
        ]
        if await self.undo():
            workflows.append((self._undo_handle, run))
        workflows += await self._ended_before(own.entries[0].at)
        own = self._proofs.checked_audit(own, proof.in_migration(self._account, run))
        return audits.merge([own, *await asyncio.gather(*(audit_of(*workflow) for workflow in workflows))])

    async def _current_run(self) -> str:
        """Return the id that distinguishes this migration of the account from others; see `domain.ids.run_of`."""
        return ids.run_of(runs.first_run_id(await self._description()))

    async def _ended_before(self, began: datetime) -> list[tuple[WorkflowHandle[Any, Any], str]]:
        """Return the workflows of earlier migrations, each with the run of its migration.

        It returns only the last run of each workflow, because continue-as-new carries the audit forward.
        """
        return [
            (self._client.get_workflow_handle(run.id, run_id=run.run_id), await self._run_of(run))
            for run in await runs.of_account(self._client, self._account)
            if run.close_time is not None
            and run.close_time <= began
            and run.status is not WorkflowExecutionStatus.CONTINUED_AS_NEW
        ]

    async def _run_of(self, execution: WorkflowExecution) -> str:
        if execution.id == self._handle.id:
            handle = self._client.get_workflow_handle(execution.id, run_id=execution.run_id)
            async with translate_rpc_errors(self._what):
                return ids.run_of(runs.first_run_id(await handle.describe(rpc_timeout=QUERY_SECONDS)))
        if execution.id != self._undo_handle.id and execution.parent_run_id:
            # A migration starts its cohorts in its first run, so the parent run id is the first run id.
            return ids.run_of(execution.parent_run_id)
        undo = self._client.get_workflow_handle_for(UndoWorkflow.run, execution.id, run_id=execution.run_id)
        async with translate_rpc_errors(self._what):
            return (await undo.query(UndoWorkflow.progress, rpc_timeout=READ_SECONDS)).run

    # Undo.

    async def undo(self) -> UndoProgress | None:
        """Return the progress of this migration's undo; None if nobody requested one."""
        run = await self._current_run()
        try:
            progress = await self._query_undo(UndoWorkflow.progress)
        except NotFound:
            return None
        # The undo may belong to an earlier migration of this account.
        return progress if progress.run == run else None

    async def _query_undo(self, query: Callable[[UndoWorkflow], _Answer]) -> _Answer:
        async with translate_rpc_errors(self._what, READ_SECONDS):
            return await self._undo_handle.query(query, rpc_timeout=READ_SECONDS)

    async def _with_undone(self, lines: Sequence[ReportLine]) -> list[ReportLine]:
        outcomes = {number: await self._undone_people(number) for number in {line.cohort for line in lines}}
        return [line.model_copy(update={"undone": outcomes[line.cohort].get(line.number, "")}) for line in lines]

    async def _undone_people(self, number: int) -> dict[int, str]:
        """Return the outcome of revoking one cohort's invitations, by the people's numbers."""
        async with translate_rpc_errors(self._what, READ_SECONDS):
            revocations = await self._undo_handle.query(UndoWorkflow.revocations, number, rpc_timeout=READ_SECONDS)
        outcomes: dict[int, list[str]] = {}
        for outcome, people in revocations.items():
            for person in dict.fromkeys(people):
                outcomes.setdefault(person, []).append(outcome)
        return {person: ", ".join(found) for person, found in outcomes.items()}

    async def _query_people(self, number: int, query: PeopleQuery) -> PeoplePage:
        async with translate_rpc_errors(self._what, READ_SECONDS):
            return await self._cohort(number).query(CohortWorkflow.people, query, rpc_timeout=READ_SECONDS)

    async def _number_of_cohorts(self) -> int:
        return (await self.progress()).cohorts

    async def _cohort_number(self, email: str) -> int:
        return (await self._cohort_numbers([email]))[0]

    async def _cohort_numbers(self, emails: Sequence[str]) -> list[int]:
        question = list(emails)
        async with translate_rpc_errors(self._what, READ_SECONDS):
            return await self._handle.query(SiteMigrationWorkflow.cohorts_of, question, rpc_timeout=READ_SECONDS)

    def _cohort(self, number: int) -> WorkflowHandle[CohortWorkflow, CohortResult]:
        return self._client.get_workflow_handle_for(CohortWorkflow.run, ids.cohort(self._account, number))


def _may_be_address(text: str) -> bool:
    try:
        addresses.normalise(text)
    except BadInput:
        return False
    return True


def summarise(execution: WorkflowExecution) -> MigrationSummary:
    """Return what the Temporal server knows about a migration, from its last run."""
    attributes = execution.typed_search_attributes
    status = execution.status or WorkflowExecutionStatus.RUNNING
    run_state, step = RunState(status.name.lower()), attributes.get(search_attributes.MIGRATION_STEP, "")
    if run_state is RunState.COMPLETED and step == CANCELLED:
        # The workflow of a cancelled migration completes, so that it is not started again by accident.
        run_state = RunState.CANCELED
    return MigrationSummary(
        opsgenie_account=execution.id.partition(":")[2],
        run=ids.run_of(execution.raw_info.first_run_id),
        run_state=run_state,
        step=step,
        started_at=execution.start_time,
        closed_at=execution.close_time,
        deadline=attributes.get(search_attributes.MIGRATION_DEADLINE),
    )


def _counts_attribute(cohort: WorkflowExecution) -> Counts:
    return Counts.unpacked(cohort.typed_search_attributes.get(search_attributes.PEOPLE_BY_STATE, ""))
