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
    """Remove what a cancelled migration created at Atlassian."""

    def __init__(self, cohorts: CohortClient, invitations: Invitations) -> None:
        self._cohorts = cohorts
        self._invitations = invitations

    @activity.defn(name="revoke_invitations")
    async def revoke_invitations(self, request: RevokeInvitationsInput) -> RevokeInvitationsResult:
        """Revoke the open invitations of a cohort that has ended; a retry skips invitations that have an outcome."""
        progress = BatchProgress(_OUTCOMES)
        known = {outcome.account_id for outcome in progress.outcomes}
        async with progress.heartbeats():
            accounts = await self._cohorts.invited(request.cohort_id, request.run)
            people = {account.account_id: account.person for account in accounts}
            async for revoked in self._invitations.revoke([each for each in people if each not in known]):
                progress.add(revoked.model_copy(update={"person": people.get(revoked.account_id, 0)}))
                progress.raise_if_frozen()
        counted = Counter(str(outcome.outcome) for outcome in progress.outcomes)
        _logger.info("invitations_revoked", people=len(people), **counted)
        return RevokeInvitationsResult(outcomes=progress.outcomes)
