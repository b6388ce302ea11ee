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


class _Done(Model):
    cohort: int


_BROADCAST_CONCURRENCY = 8
_OUTCOMES = TypeAdapter(list[_Done])


class RosterActivities:
    """Read the roster from Opsgenie, and pass it on to the cohorts."""

    def __init__(self, source: RosterSource, cohorts: CohortClient) -> None:
        self._source = source
        self._cohorts = cohorts

    @activity.defn(name="survey")
    async def survey(self, opsgenie_account: str) -> RosterSurvey:
        """Read the whole roster and summarize it; the summary names owners and admins only."""
        async with BatchProgress(_OUTCOMES).heartbeats():
            return roster.survey(await self._read(opsgenie_account))

    @activity.defn(name="assign_people")
    async def assign_people(self, request: AssignPeopleInput) -> AssignPeopleResult:
        """Read the whole roster and send each cohort its people, or only the changes; return the current admins."""
        progress = BatchProgress(_OUTCOMES)
        done = {outcome.cohort for outcome in progress.outcomes}
        async with progress.heartbeats():
            everyone = await self._read(request.opsgenie_account)
            for number, people in roster.divide(everyone, request.cohorts, request.moved).items():
                if number in done:
                    continue
                cohort_id = ids.cohort(request.opsgenie_account, number)
                if request.refresh:
                    await self._cohorts.refresh(cohort_id, people)
                else:
                    await self._cohorts.assign_people(cohort_id, people)
                progress.add(_Done(cohort=number))
                progress.raise_if_frozen()
        _logger.info("people_assigned", people=len(everyone), cohorts=request.cohorts, refresh=request.refresh)
        return AssignPeopleResult(people=len(everyone), admins=roster.survey(everyone).admins)

    @activity.defn(name="broadcast_signal")
    async def broadcast_signal(self, request: BroadcastInput) -> None:
        """Send all cohorts the same signal, `_BROADCAST_CONCURRENCY` of them concurrently."""
        progress = BatchProgress(_OUTCOMES)
        done = {outcome.cohort for outcome in progress.outcomes}
        left = iter([number for number in range(1, request.cohorts + 1) if number not in done])

        async def send() -> None:
            for number in left:
                cohort_id = ids.cohort(request.opsgenie_account, number)
                await self._cohorts.signal(cohort_id, request.signal, request.message)
                progress.add(_Done(cohort=number))
                progress.raise_if_frozen()

        async with progress.heartbeats():
            results = await asyncio.gather(*(send() for _ in range(_BROADCAST_CONCURRENCY)), return_exceptions=True)
        for result in results:
            if result is not None:
                raise result
        _logger.info("signal_broadcast", signal=request.signal, cohorts=request.cohorts)

    async def _read(self, opsgenie_account: str) -> list[RosterPerson]:
        return [person async for person in self._source.people(opsgenie_account)]
