import asyncio

import structlog
from pydantic import TypeAdapter
from temporalio import activity

from activities.batch_progress import BatchProgress, called_off, finished
from landbridge.domain.activity_io import (
    AccountOutcome,
    AccountsInput,
    AccountsResult,
    AdminTask,
    ConnectInput,
    ConnectResult,
    NameNotFree,
    SignUpInput,
    SignUpResult,
    SiteInput,
    SiteResult,
    SitesResult,
)
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.ports import AccountDirectory, Provisioning
from landbridge.domain.sites import NewSite
from landbridge.domain.text import text

_logger = structlog.get_logger()
_OUTCOMES = TypeAdapter(list[AccountOutcome])


class AccountActivities:
    """Atlassian accounts and sites."""

    def __init__(self, directory: AccountDirectory, provisioning: Provisioning) -> None:
        self._directory = directory
        self._provisioning = provisioning

    @activity.defn(name="ensure_accounts")
    async def ensure_accounts(self, order: AccountsInput) -> AccountsResult:
        """Look up a slice of people and create the accounts that are missing; the answer may cover only a part."""
        answer = await self._slice(order, create=True)
        return AccountsResult(outcomes=[_account_or_problem(outcome) for outcome in answer.outcomes])

    @activity.defn(name="find_accounts")
    async def find_accounts(self, order: AccountsInput) -> AccountsResult:
        """Look up a slice of people; the answer may cover only a part."""
        return await self._slice(order, create=False)

    async def _slice(self, order: AccountsInput, *, create: bool) -> AccountsResult:
        progress = BatchProgress(_OUTCOMES)
        if progress.came_too_late:
            return AccountsResult(outcomes=progress.outcomes)
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
        return AccountsResult(outcomes=progress.outcomes)

    @activity.defn(name="list_sites")
    async def list_sites(self, email: str) -> SitesResult:
        """List the sites linked to an address."""
        return SitesResult(sites=await self._directory.sites(email))

    @activity.defn(name="ensure_signed_up")
    async def ensure_signed_up(self, order: SignUpInput) -> SignUpResult:
        """See to it that the initiator has an Atlassian account."""
        answer = await self._provisioning.ensure_signed_up(order.email, order.first_name, order.last_name)
        return SignUpResult(task=answer) if isinstance(answer, AdminTask) else SignUpResult(signed_up=answer)

    @activity.defn(name="ensure_site")
    async def ensure_site(self, order: SiteInput) -> SiteResult:
        """See to it that a site exists and the initiator is its site admin."""
        site = NewSite(name=order.name, first_name=order.first_name, last_name=order.last_name)
        answer = await self._provisioning.ensure_site(order.email, site)
        if isinstance(answer, AdminTask):
            return SiteResult(task=answer)
        return SiteResult(not_free=answer) if isinstance(answer, NameNotFree) else SiteResult(site=answer)

    @activity.defn(name="ensure_connected")
    async def ensure_connected(self, order: ConnectInput) -> ConnectResult:
        """See to it that the Opsgenie account is connected to the site."""
        answer = await self._provisioning.ensure_connected(
            order.opsgenie_account, order.site, confirmed=order.confirmed
        )
        return ConnectResult(task=answer if isinstance(answer, AdminTask) else None)


def _account_or_problem(outcome: AccountOutcome) -> AccountOutcome:
    # Without either, the same question would be asked again and again.
    if outcome.account_id or outcome.problem:
        return outcome
    return outcome.model_copy(update={"problem": text("Atlassian answered, but with no account for this address.")})
