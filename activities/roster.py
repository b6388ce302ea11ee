import structlog
from pydantic import TypeAdapter
from temporalio import activity

from activities.progress import SliceProgress
from domain import ids, roster
from domain.model import Model
from domain.orders import HandOutOrder
from domain.ports import CohortDesk, RosterSource
from domain.roster import RosterPerson, RosterSurvey

_logger = structlog.get_logger()


class _HandedOut(Model):
    cohort: int


_OUTCOMES = TypeAdapter(list[_HandedOut])


class RosterActivities:
    """The roster as Opsgenie has it."""

    def __init__(self, source: RosterSource, desk: CohortDesk) -> None:
        self._source = source
        self._desk = desk

    @activity.defn
    async def survey(self, opsgenie_account: str) -> RosterSurvey:
        """Read the whole roster and sum it up; names only owners and admins."""
        async with SliceProgress(_OUTCOMES).beating():
            return roster.survey(await self._read(opsgenie_account))

    @activity.defn
    async def hand_out(self, order: HandOutOrder) -> int:
        """Read the whole roster and hand each cohort its people, or only what is new; return the roster's length."""
        progress = SliceProgress(_OUTCOMES)
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
                    await self._desk.hand_out(cohort_id, slice_)
                progress.add(_HandedOut(cohort=number))
        _logger.info("roster_handed_out", people=len(people), cohorts=order.cohorts, refresh=order.refresh)
        return len(people)

    async def _read(self, opsgenie_account: str) -> list[RosterPerson]:
        return [person async for person in self._source.people(opsgenie_account)]
