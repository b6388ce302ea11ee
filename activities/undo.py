from collections import Counter

import structlog
from pydantic import TypeAdapter
from temporalio import activity

from activities.batch_progress import BatchProgress
from landbridge.domain.activity_io import Revocation, RevokeInvitationsInput, RevokeInvitationsResult
from landbridge.domain.ports import CohortClient, Invitations

_logger = structlog.get_logger()
_OUTCOMES = TypeAdapter(list[Revocation])


class UndoActivities:
    """What a cancelled migration leaves at Atlassian, taken back."""

    def __init__(self, desk: CohortClient, invitations: Invitations) -> None:
        self._desk = desk
        self._invitations = invitations

    @activity.defn(name="revoke_invitations")
    async def revoke_invitations(self, order: RevokeInvitationsInput) -> RevokeInvitationsResult:
        """Revoke what a cohort that is over says to be open; who was told apart before a crash is not asked again."""
        progress = BatchProgress(_OUTCOMES)
        known = {outcome.account_id for outcome in progress.outcomes}
        async with progress.beating():
            people = {one.account_id: one.person for one in await self._desk.invited(order.cohort_id, order.run)}

            def done(outcomes: list[Revocation]) -> None:
                progress.add(*(one.model_copy(update={"person": people.get(one.account_id, 0)}) for one in outcomes))

            await self._invitations.revoke([one for one in people if one not in known], done)
        counted = Counter(str(outcome.outcome) for outcome in progress.outcomes)
        _logger.info("invitations_revoked", people=len(people), **counted)
        return RevokeInvitationsResult(outcomes=progress.outcomes)
