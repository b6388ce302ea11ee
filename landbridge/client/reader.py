"""How one migration stands: the whole, its people, the report."""

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
from landbridge.client.calls import QUERY_SECONDS, READ_SECONDS, NoWorkerAnswers, told
from landbridge.client.paging import AT_ONCE, FIRST, Position, read_page
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
"""Cohorts that `status` looks at one by one; of more it adds up the search attributes, up to an hour old."""
SOON_SECONDS = 1.0
"""How long `status` waits for the cohorts' own numbers, before it takes those that they have shown."""
_PAGE = 250
_LISTED_AT_ONCE = 500
"""More than a migration has cohorts: one call, since Temporal allows ten a second for everyone together."""
_FEW = 3
"""Failing cohorts that are looked at, beside those that are looked at anyway: the cause is the same."""
_Answer = TypeVar("_Answer")


class AccountLookup:
    """The migration of one Opsgenie account, running or over, as one can look at it."""

    def __init__(self, client: Client, opsgenie_account: str, proofs: Proofs = NO_PROOFS) -> None:
        """`proofs` checks who did what, and proves what admins ask for; without it, neither admins nor people count."""
        self._client = client
        self._proofs = proofs
        self._account = ids.check_opsgenie_account(opsgenie_account)
        self._what = f"migration of {opsgenie_account}"
        self._handle: WorkflowHandle[SiteMigrationWorkflow, MigrationResult] = client.get_workflow_handle_for(
            SiteMigrationWorkflow.run, ids.migration(opsgenie_account)
        )
        self._undo_handle: WorkflowHandle[UndoWorkflow, UndoProgress] = client.get_workflow_handle_for(
            UndoWorkflow.run, ids.undo(opsgenie_account)
        )

    @property
    def checks_proofs(self) -> bool:
        """Whether there are keys to check who did what; without, everyone but operators is shown as a claim."""
        return bool(self._proofs)

    # How it stands.

    async def status(self) -> MigrationStatus:
        """Return how the migration stands; answered without a worker too, then from the search attributes.

        Raises:
            NotFound: there never was one, or its history is gone.

        """
        description = await self._description()
        summary = await self._summary_of(description)
        failure = await self._failure() if summary.run_state is RunState.FAILED else NO_TEXT
        try:
            progress = await self.progress(QUERY_SECONDS)
        except NoWorkerAnswers:
            progress = None
        few = progress is not None and progress.cohorts <= MAX_COHORTS_QUERIED
        # A neighbour that is away is so for all of them: what some are trying just now tells it.
        some = min(progress.cohorts, MAX_COHORTS_QUERIED) if progress else 0
        described = await self._of_each_cohort(self._describe, some)
        views = await self._asked(progress.cohorts) if progress and few else None
        if views is None:
            counts = sum(map(_shown_counts, await self._listed_cohorts(description)), Counts())
            told_of = progress.problems if progress else []
        else:
            counts = sum((view.counts for view in views), Counts())
            told_of = [view.problem for view in views if view.problem]
        failing_tasks = await self._failing_tasks(description, described, all_described=few)
        if views is None:
            paused = bool(await runs.running(self._client, runs.PAUSED, self._account))
        else:
            paused = bool(progress and progress.paused) or any(view.paused for view in views)
        problems = {sentence for workflow in (description, *described) for sentence in await self._retried(workflow)}
        return MigrationStatus(
            **{
                **summary.model_dump(),
                "paused": paused and summary.run_state is RunState.RUNNING,
                "stuck": bool(failing_tasks),
            },
            failure=failure,
            failing=failing_tasks,
            problems=sorted(problems.union(told_of)),
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
        """Return the tasks that fail again and again, of cohorts that were not described as the server reports them."""
        described = [migration, *cohorts]
        if migration.status is WorkflowExecutionStatus.RUNNING and not all_described:
            known = {workflow.id for workflow in described}
            reported = await runs.running(self._client, runs.FAILING, self._account)
            others = [workflow.id for workflow in reported if workflow.id not in known]
            described += await asyncio.gather(*map(self._describe, others[:_FEW]))
        tasks = await asyncio.gather(*(stuck_tasks.task_of(self._client, workflow) for workflow in described))
        return [task for task in tasks if task is not None]

    async def _asked(self, cohorts: int) -> list[CohortView] | None:
        """Return how cohorts stand at this moment; None where they are too busy to say it soon."""
        try:
            async with asyncio.timeout(SOON_SECONDS):
                return await self._of_each_cohort(self._view, cohorts)
        except (TimeoutError, NoWorkerAnswers):
            return None

    async def summary(self) -> MigrationSummary:
        """Return what Temporal itself knows of the migration; answered without a worker.

        Raises:
            NotFound: there never was one, or its history is gone.

        """
        return await self._summary_of(await self._description())

    async def _description(self) -> WorkflowExecutionDescription:
        async with told(self._what):
            return await self._handle.describe(rpc_timeout=QUERY_SECONDS)

    async def _summary_of(self, description: WorkflowExecutionDescription) -> MigrationSummary:
        summary, first_run_id = summarise(description), runs.first_run_id(description)
        if description.run_id == first_run_id:
            return summary
        # Temporal keeps the first run a little less long than the last.
        with suppress(NotFound):
            async with told(self._what):
                first = await self._client.get_workflow_handle(description.id, run_id=first_run_id).describe(
                    rpc_timeout=QUERY_SECONDS
                )
            summary = summary.model_copy(update={"started_at": first.start_time})
        return summary

    async def progress(self, within: timedelta = READ_SECONDS) -> Progress:
        """Return the checklist, and what waits for whom; a worker has so long to answer."""
        async with told(self._what, within):
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
        async with told(self._what):
            return await self._client.get_workflow_handle(workflow_id).describe(rpc_timeout=QUERY_SECONDS)

    async def _retried(self, workflow: WorkflowExecutionDescription) -> list[Text]:
        """Return why activities have to be tried again; the sentences are ours (`activities.error_sanitizer`)."""
        failures = [
            await self._client.data_converter.decode_failure(activity.last_failure)
            for activity in workflow.raw_description.pending_activities
            if activity.HasField("last_failure")
        ]
        return [text_of(failure) for failure in failures if isinstance(failure, ApplicationError) and failure.message]

    async def _view(self, cohort_id: str) -> CohortView:
        async with told(self._what):
            return await self._client.get_workflow_handle_for(CohortWorkflow.run, cohort_id).query(
                CohortWorkflow.cohort, rpc_timeout=QUERY_SECONDS
            )

    async def _listed_cohorts(self, description: WorkflowExecutionDescription) -> list[WorkflowExecution]:
        query = (
            f"WorkflowType = 'CohortWorkflow' AND RootRunId = '{runs.first_run_id(description)}' "
            "AND ExecutionStatus != 'ContinuedAsNew'"
        )
        async with told(self._what):
            return [execution async for execution in self._client.list_workflows(query, page_size=_LISTED_AT_ONCE)]

    # People.

    async def people(
        self, states: Sequence[State] = (), *, search: str = "", page: str = "", limit: int = _PAGE
    ) -> People:
        """Return a page of people in these states (none: all) whose name or address holds what is searched for.

        They stand in the roster's order, cohort by cohort. A whole address that is someone's finds just them.

        Raises:
            BadInput: no page before told this one.

        """
        begin = Position.read(page)
        query = PeopleQuery(states=list(states), search=search, limit=limit)
        cohorts = await self._number_of_cohorts()
        if cohorts and begin == FIRST and _may_be_address(search) and (found := await self._holder(search, states)):
            return People(people=found)
        read = await read_page(self._ask_people, cohorts, query, begin)
        return People(people=[ReportLine.of(*one) for one in read.people], next=str(read.next) if read.next else "")

    async def everyone(self, states: Sequence[State] = ()) -> AsyncIterator[list[ReportLine]]:
        """Yield all people in these states (none: all) in pages, without holding them all."""
        cohorts, position = await self._number_of_cohorts(), FIRST
        query, undo = PeopleQuery(states=list(states), limit=_PAGE), await self.undo()
        while True:
            read = await read_page(self._ask_people, cohorts, query, position)
            lines = [ReportLine.of(*one) for one in read.people]
            yield await self._with_undone(lines) if undo else lines
            if read.next is None:
                return
            position = read.next

    async def _holder(self, email: str, states: Sequence[State]) -> list[ReportLine]:
        number = await self._cohort_number(email)
        page = await self._ask_people(number, PeopleQuery(states=list(states), email=email))
        return [ReportLine.of(number, person) for person in page.people]

    async def person(self, email: str) -> FoundPerson:
        """Return one person, by any spelling of an address they have or had.

        Raises:
            NotFound: nobody with this address is in the migration.

        """
        number = await self._cohort_number(email)
        # A cohort that is asked for no address answers with everyone.
        page = await self._ask_people(number, PeopleQuery(email=email)) if email else PeoplePage(people=[])
        return await self._found(number, page)

    async def person_numbered(self, cohort: int, number: int) -> FoundPerson:
        """Return one person, by the numbers that lists give.

        Raises:
            NotFound: there is nobody with these numbers.

        """
        if not (1 <= cohort <= await self._number_of_cohorts() and number >= 1):
            return await self._found(cohort, PeoplePage(people=[]))
        return await self._found(cohort, await self._ask_people(cohort, PeopleQuery(person=number)))

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
        """Return everyone, with what to do next for those who have not made it."""
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

    # Who did what.

    async def audit(self) -> Audit:
        """Return who asked what of the migration and about its people, newest first; also once it is over.

        Earlier migrations of the account stand in it for as long as Temporal keeps them: whoever begins anew does not
        hide what was done before. Acts that are not proven are an operator's, who claims to be somebody else.
        """
        async with told(self._what, READ_SECONDS):
            own = await self._handle.query(SiteMigrationWorkflow.audit, rpc_timeout=READ_SECONDS)
        at_once, run = asyncio.Semaphore(AT_ONCE), await self._current_run()

        async def one(workflow: WorkflowHandle[Any, Any], run: str) -> Audit:
            async with at_once, told(self._what, READ_SECONDS):
                # It has the same name in all of our workflows.
                found: Audit = await workflow.query("audit", result_type=Audit, rpc_timeout=READ_SECONDS)
            return self._proofs.checked_audit(found, proof.in_migration(self._account, run))

        workflows: list[tuple[WorkflowHandle[Any, Any], str]] = [
            (self._cohort(number), run) for number in range(1, await self._number_of_cohorts() + 1)
        ]
        if await self.undo():
            workflows.append((self._undo_handle, run))
        workflows += await self._ended_before(own.entries[0].at)
        own = self._proofs.checked_audit(own, proof.in_migration(self._account, run))
        return audits.merge([own, *await asyncio.gather(*(one(*workflow) for workflow in workflows))])

    async def _current_run(self) -> str:
        """Return what tells this migration of the account from others."""
        return ids.run_of(runs.first_run_id(await self._description()))

    async def _ended_before(self, began: datetime) -> list[tuple[WorkflowHandle[Any, Any], str]]:
        """Return the workflows of earlier migrations, each with the run of its migration.

        Of each, the last run: it carried its acts on to the next until it ended.
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
            async with told(self._what):
                return ids.run_of(runs.first_run_id(await handle.describe(rpc_timeout=QUERY_SECONDS)))
        if execution.id != self._undo_handle.id and execution.parent_run_id:
            # A migration starts its cohorts in its first run.
            return ids.run_of(execution.parent_run_id)
        undo = self._client.get_workflow_handle_for(UndoWorkflow.run, execution.id, run_id=execution.run_id)
        async with told(self._what):
            return (await undo.query(UndoWorkflow.progress, rpc_timeout=READ_SECONDS)).run

    # Its undo.

    async def undo(self) -> UndoProgress | None:
        """Return how far the undo of the cancelled migration is; none: nobody asked for it."""
        run = await self._current_run()
        try:
            progress = await self._ask_undo(UndoWorkflow.progress)
        except NotFound:
            return None
        # Otherwise it is of an earlier migration of this account.
        return progress if progress.run == run else None

    async def _ask_undo(self, question: Callable[[UndoWorkflow], _Answer]) -> _Answer:
        async with told(self._what, READ_SECONDS):
            return await self._undo_handle.query(question, rpc_timeout=READ_SECONDS)

    async def _with_undone(self, lines: Sequence[ReportLine]) -> list[ReportLine]:
        outcomes = {number: await self._undone_people(number) for number in {line.cohort for line in lines}}
        return [line.model_copy(update={"undone": outcomes[line.cohort].get(line.number, "")}) for line in lines]

    async def _undone_people(self, number: int) -> dict[int, str]:
        """Return what became of the invitations of one cohort, by the people's numbers."""
        async with told(self._what, READ_SECONDS):
            found = await self._undo_handle.query(UndoWorkflow.revocations, number, rpc_timeout=READ_SECONDS)
        outcomes: dict[int, list[str]] = {}
        for outcome, people in found.items():
            for person in dict.fromkeys(people):
                outcomes.setdefault(person, []).append(outcome)
        return {person: ", ".join(said) for person, said in outcomes.items()}

    async def _ask_people(self, number: int, query: PeopleQuery) -> PeoplePage:
        async with told(self._what, READ_SECONDS):
            return await self._cohort(number).query(CohortWorkflow.people, query, rpc_timeout=READ_SECONDS)

    async def _number_of_cohorts(self) -> int:
        return (await self.progress()).cohorts

    async def _cohort_number(self, email: str) -> int:
        return (await self._cohort_numbers([email]))[0]

    async def _cohort_numbers(self, emails: Sequence[str]) -> list[int]:
        question = list(emails)
        async with told(self._what, READ_SECONDS):
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
    """Return what Temporal itself knows of a migration, from its only or last run."""
    attributes = execution.typed_search_attributes
    status = execution.status or WorkflowExecutionStatus.RUNNING
    run_state, step = RunState(status.name.lower()), attributes.get(search_attributes.MIGRATION_STEP, "")
    if run_state is RunState.COMPLETED and step == CANCELLED:
        # For Temporal it came to its end as its code says, so that it is not started again by accident.
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


def _shown_counts(cohort: WorkflowExecution) -> Counts:
    return Counts.unpacked(cohort.typed_search_attributes.get(search_attributes.PEOPLE_BY_STATE, ""))
