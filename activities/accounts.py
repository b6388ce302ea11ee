import asyncio

import structlog
from pydantic import TypeAdapter
from temporalio import activity

from activities.batch_progress import SliceProgress, called_off, finished
from landbridge.domain.activity_io import (
    AccountOutcome,
    AccountOutcomes,
    AccountsOrder,
    AdminTask,
    ConnectAnswer,
    ConnectOrder,
    NameNotFree,
    SignUpAnswer,
    SignUpOrder,
    SiteAnswer,
    SiteOrder,
    SitesAnswer,
)
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.ports import AccountDirectory, Provisioning
from landbridge.domain.sites import NewSite

_logger = structlog.get_logger()
_OUTCOMES = TypeAdapter(list[AccountOutcome])


class AccountActivities:
    """Atlassian accounts and sites."""

    def __init__(self, directory: AccountDirectory, provisioning: Provisioning) -> None:
        self._directory = directory
        self._provisioning = provisioning

    @activity.defn
    async def ensure_accounts(self, order: AccountsOrder) -> AccountOutcomes:
        """Look up a slice of people and create the accounts that are missing; the answer may cover only a part."""
        answer = await self._slice(order, create=True)
        return AccountOutcomes(outcomes=[_account_or_problem(outcome) for outcome in answer.outcomes])

    @activity.defn
    async def find_accounts(self, order: AccountsOrder) -> AccountOutcomes:
        """Look up a slice of people; the answer may cover only a part."""
        return await self._slice(order, create=False)

    async def _slice(self, order: AccountsOrder, *, create: bool) -> AccountOutcomes:
        progress = SliceProgress(_OUTCOMES)
        if progress.came_too_late:
            return AccountOutcomes(outcomes=progress.outcomes)
        known = {outcome.person for outcome in progress.outcomes}
        left = [question for question in order.questions if question.person not in known]
        ask = self._directory.ensure if create else self._directory.find
        async with progress.beating():
            try:
                await finished(ask(left, lambda outcomes: progress.add_in_time(*outcomes)))
            except (LandbridgeError, asyncio.CancelledError) as error:
                if not progress.outcomes or (isinstance(error, asyncio.CancelledError) and not called_off()):
                    raise
        _logger.info(
            "accounts_asked_for",
            people=len(order.questions),
            found=sum(bool(outcome.account_id) for outcome in progress.outcomes),
            created=sum(outcome.created for outcome in progress.outcomes),
            verified=sum(outcome.verified for outcome in progress.outcomes),
            problems=sum(bool(outcome.problem) for outcome in progress.outcomes),
        )
        return AccountOutcomes(outcomes=progress.outcomes)

    @activity.defn
    async def list_sites(self, email: str) -> SitesAnswer:
        """List the sites linked to an address."""
        return SitesAnswer(sites=await self._directory.sites(email))

    @activity.defn
    async def ensure_signed_up(self, order: SignUpOrder) -> SignUpAnswer:
        """See to it that the initiator has an Atlassian account."""
        answer = await self._provisioning.ensure_signed_up(order.email, order.first_name, order.last_name)
        return SignUpAnswer(task=answer) if isinstance(answer, AdminTask) else SignUpAnswer(signed_up=answer)

    @activity.defn
    async def ensure_site(self, order: SiteOrder) -> SiteAnswer:
        """See to it that a site exists and the initiator is its site admin."""
        site = NewSite(name=order.name, first_name=order.first_name, last_name=order.last_name)
        answer = await self._provisioning.ensure_site(order.email, site)
        if isinstance(answer, AdminTask):
            return SiteAnswer(task=answer)
        return SiteAnswer(not_free=answer) if isinstance(answer, NameNotFree) else SiteAnswer(site=answer)

    @activity.defn
    async def ensure_connected(self, order: ConnectOrder) -> ConnectAnswer:
        """See to it that the Opsgenie account is connected to the site."""
        answer = await self._provisioning.ensure_connected(
            order.opsgenie_account, order.site, confirmed=order.confirmed
        )
        return ConnectAnswer(task=answer if isinstance(answer, AdminTask) else None)


def _account_or_problem(outcome: AccountOutcome) -> AccountOutcome:
    # Without either, the same question would be asked again and again.
    if outcome.account_id or outcome.problem:
        return outcome
    return outcome.model_copy(update={"problem": "Atlassian answered, but with no account for this address."})
