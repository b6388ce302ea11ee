"""How one migration stands: the whole, its people, the report."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
)
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError

from domain import ids
from domain.errors import NotFound
from domain.messages import (
    CohortResult,
    MigrationResult,
    PeoplePage,
    PeopleQuery,
    Progress,
)
from domain.people import NEXT_STEP, Counts, Person, State
from steering.answers import FoundPerson, MigrationStatus, MigrationSummary, Report, ReportLine, RunState
from steering.calls import QUERY_SECONDS, NoWorkerAnswers, told
from workflows import search_attributes
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow

ASKED_AT_MOST = 20
"""Cohorts that `status` asks one by one; of more it adds up the search attributes, which are at most a minute old."""
_PAGE = 250
_Answer = TypeVar("_Answer")


class Standing:
    """The migration of one Opsgenie account, running or over, as one can look at it."""

    def __init__(self, client: Client, opsgenie_account: str) -> None:
        self._client = client
        self._account = ids.check_opsgenie_account(opsgenie_account)
        self._what = f"migration of {opsgenie_account}"
        self._handle: WorkflowHandle[SiteMigrationWorkflow, MigrationResult] = client.get_workflow_handle_for(
            SiteMigrationWorkflow.run, ids.migration(opsgenie_account)
        )

    # How it stands.

    async def status(self) -> MigrationStatus:
        """Return how the migration stands; answered without a worker too, then from the search attributes.

        Raises:
            NotFound: there never was one, or its history is gone.

        """
        async with told(self._what):
            description = await self._handle.describe(rpc_timeout=QUERY_SECONDS)
        summary = summarise(description)
        failure = await self._failure() if summary.run_state is RunState.FAILED else ""
        try:
            progress = await self.progress()
            exact = progress.cohorts <= ASKED_AT_MOST
            views = await self._of_each_cohort(self._counts, progress.cohorts) if exact else []
            described = await self._of_each_cohort(self._describe, progress.cohorts) if exact else []
        except NoWorkerAnswers:
            progress, exact, views, described = None, False, [], []
        cohorts = [] if exact else await self._listed_cohorts(description)
        counts = sum(views, Counts())
        troubles = {sentence for workflow in (description, *described) for sentence in _failing(workflow)}
        return MigrationStatus(
            **summary.model_dump(),
            failure=failure,
            troubles=sorted(troubles.union(progress.troubles if progress else ())),
            progress=progress,
            counts=counts,
            exact=exact,
            people_total=counts.total if exact else _add_up(cohorts, search_attributes.PEOPLE_TOTAL),
            people_waiting=counts.waiting if exact else _add_up(cohorts, search_attributes.PEOPLE_WAITING),
            people_connected=counts[State.CONNECTED] if exact else _add_up(cohorts, search_attributes.PEOPLE_CONNECTED),
        )

    async def progress(self) -> Progress:
        """Return the checklist, and what waits for whom."""
        async with told(self._what, QUERY_SECONDS):
            return await self._handle.query(SiteMigrationWorkflow.progress, rpc_timeout=QUERY_SECONDS)

    async def _failure(self) -> str:
        try:
            await self._handle.result()
        except WorkflowFailureError as error:
            cause = error.cause
            return cause.message if isinstance(cause, ApplicationError) else type(cause).__name__
        return ""

    async def _of_each_cohort(self, ask: Callable[[str], Awaitable[_Answer]], cohorts: int) -> list[_Answer]:
        return await asyncio.gather(*(ask(ids.cohort(self._account, number)) for number in range(1, cohorts + 1)))

    async def _describe(self, workflow_id: str) -> WorkflowExecutionDescription:
        async with told(self._what):
            return await self._client.get_workflow_handle(workflow_id).describe(rpc_timeout=QUERY_SECONDS)

    async def _counts(self, cohort_id: str) -> Counts:
        async with told(self._what):
            view = await self._client.get_workflow_handle_for(CohortWorkflow.run, cohort_id).query(
                CohortWorkflow.cohort, rpc_timeout=QUERY_SECONDS
            )
        return view.counts

    async def _listed_cohorts(self, description: WorkflowExecutionDescription) -> list[WorkflowExecution]:
        query = (
            f"WorkflowType = 'CohortWorkflow' AND RootRunId = '{description.run_id}' "
            "AND ExecutionStatus != 'ContinuedAsNew'"
        )
        async with told(self._what):
            return [execution async for execution in self._client.list_workflows(query)]

    # People.

    async def people(self, states: Sequence[State] = (), offset: int = 0, limit: int = _PAGE) -> PeoplePage:
        """Return a page of people in these states (none: all), cohort by cohort."""
        people: list[Person] = []
        total, skip = 0, offset
        for number in range(1, await self._number_of_cohorts() + 1):
            query = PeopleQuery(states=list(states), offset=skip, limit=max(0, limit - len(people)))
            page = await self._ask_people(number, query)
            people += page.people
            skip = max(0, skip - page.total)
            total += page.total
        return PeoplePage(people=people, total=total)

    async def everyone(self, states: Sequence[State] = ()) -> AsyncIterator[PeoplePage]:
        """Yield all people in these states (none: all) in pages, without holding them all."""
        for number in range(1, await self._number_of_cohorts() + 1):
            offset, total = 0, 1
            while offset < total:
                page = await self._ask_people(number, PeopleQuery(states=list(states), offset=offset, limit=_PAGE))
                yield page
                offset, total = offset + _PAGE, page.total

    async def person(self, email: str) -> FoundPerson:
        """Return one person, by any spelling of an address they have or had.

        Raises:
            NotFound: nobody with this address is in the migration.

        """
        number = await self._cohort_number(email)
        if not number:
            raise NotFound(f"The {self._what} has not read its roster yet.")
        page = await self._ask_people(number, PeopleQuery(email=email))
        if not page.people:
            raise NotFound(f"Nobody with this address is in the {self._what}.")
        person = page.people[0]
        return FoundPerson(
            cohort_id=ids.cohort(self._account, number), person=person, next_step=NEXT_STEP[person.state]
        )

    async def report(self) -> Report:
        """Return everyone, with what to do next for those who have not made it."""
        async with told(self._what):
            description = await self._handle.describe(rpc_timeout=QUERY_SECONDS)
        progress = await self.progress()
        lines = [
            ReportLine(
                email=person.email,
                name=person.name,
                role=person.role,
                state=person.state,
                reason=person.reason,
                since=person.since,
                mails=sum(mailing.sent for mailing in person.mailings.values()),
                next_step=NEXT_STEP[person.state],
            )
            async for page in self.everyone()
            for person in page.people
        ]
        counts = {state: sum(line.state is state for line in lines) for state in State}
        return Report(
            opsgenie_account=self._account,
            site=progress.site,
            run_state=summarise(description).run_state,
            counts=Counts(by_state={state: number for state, number in counts.items() if number}),
            people=lines,
        )

    async def _ask_people(self, number: int, query: PeopleQuery) -> PeoplePage:
        async with told(self._what):
            return await self._cohort(number).query(CohortWorkflow.people, query, rpc_timeout=QUERY_SECONDS)

    async def _number_of_cohorts(self) -> int:
        return (await self.progress()).cohorts

    async def _cohort_number(self, email: str) -> int:
        async with told(self._what, QUERY_SECONDS):
            return await self._handle.query(SiteMigrationWorkflow.cohort_of, email, rpc_timeout=QUERY_SECONDS)

    def _cohort(self, number: int) -> WorkflowHandle[CohortWorkflow, CohortResult]:
        return self._client.get_workflow_handle_for(CohortWorkflow.run, ids.cohort(self._account, number))


def summarise(execution: WorkflowExecution) -> MigrationSummary:
    """Return what Temporal itself knows of a migration."""
    attributes = execution.typed_search_attributes
    status = execution.status or WorkflowExecutionStatus.RUNNING
    return MigrationSummary(
        opsgenie_account=execution.id.partition(":")[2],
        run_state=RunState(status.name.lower()),
        step=attributes.get(search_attributes.MIGRATION_STEP, ""),
        started_at=execution.start_time,
        closed_at=execution.close_time,
        deadline=attributes.get(search_attributes.MIGRATION_DEADLINE),
    )


def _failing(workflow: WorkflowExecutionDescription) -> list[str]:
    """Return why activities have to be tried again; the sentences are ours (`activities.failures`)."""
    return [
        activity.last_failure.message
        for activity in workflow.raw_description.pending_activities
        if activity.last_failure.message
    ]


def _add_up(cohorts: Sequence[WorkflowExecution], attribute: SearchAttributeKey[int]) -> int:
    return sum(cohort.typed_search_attributes.get(attribute, 0) for cohort in cohorts)
