import asyncio

import structlog
from pydantic import TypeAdapter
from temporalio import activity

from activities.batch_progress import BatchProgress
from landbridge.domain import ids, roster
from landbridge.domain.activity_io import AssignPeopleInput, AssignPeopleResult, BroadcastInput
from landbridge.domain.base import Model
from landbridge.domain.ports import CohortClient, RosterSource
from landbridge.domain.roster import RosterPerson, RosterSurvey

_logger = structlog.get_logger()


class _Served(Model):
    cohort: int


_TOLD_AT_ONCE = 8
_OUTCOMES = TypeAdapter(list[_Served])


class RosterActivities:
    """The roster as Opsgenie has it."""

    def __init__(self, source: RosterSource, desk: CohortClient) -> None:
        self._source = source
        self._desk = desk

    @activity.defn(name="survey")
    async def survey(self, opsgenie_account: str) -> RosterSurvey:
        """Read the whole roster and sum it up; names only owners and admins."""
        async with BatchProgress(_OUTCOMES).beating():
            return roster.survey(await self._read(opsgenie_account))

    @activity.defn(name="assign_people")
    async def assign_people(self, order: AssignPeopleInput) -> AssignPeopleResult:
        """Read the whole roster and hand each cohort its people, or only what is new; say who leads the account now."""
        progress = BatchProgress(_OUTCOMES)
        done = {outcome.cohort for outcome in progress.outcomes}
        async with progress.beating():
            people = await self._read(order.opsgenie_account)
            for number, slice_ in roster.divide(people, order.cohorts, order.moved).items():
                if number in done:
                    continue
                cohort_id = ids.cohort(order.opsgenie_account, number)
                if order.refresh:
                    await self._desk.refresh(cohort_id, slice_)
                else:
                    await self._desk.assign_people(cohort_id, slice_)
                progress.add(_Served(cohort=number))
        _logger.info("people_assigned", people=len(people), cohorts=order.cohorts, refresh=order.refresh)
        return AssignPeopleResult(people=len(people), admins=roster.survey(people).admins)

    @activity.defn(name="broadcast_signal")
    async def broadcast_signal(self, order: BroadcastInput) -> None:
        """Tell all cohorts the same, some at a time."""
        progress = BatchProgress(_OUTCOMES)
        done = {outcome.cohort for outcome in progress.outcomes}
        left = iter([number for number in range(1, order.cohorts + 1) if number not in done])

        async def tell() -> None:
            for number in left:
                await self._desk.tell(ids.cohort(order.opsgenie_account, number), order.signal, order.message)
                progress.add(_Served(cohort=number))

        async with progress.beating():
            ends = await asyncio.gather(*(tell() for _ in range(_TOLD_AT_ONCE)), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end
        _logger.info("cohorts_told", signal=order.signal, cohorts=order.cohorts)

    async def _read(self, opsgenie_account: str) -> list[RosterPerson]:
        return [person async for person in self._source.people(opsgenie_account)]
