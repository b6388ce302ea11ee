import asyncio

import structlog
from pydantic import TypeAdapter
from temporalio import activity

from activities.batch_progress import BatchProgress, cancel_requested, finish_if_cancelled
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
    """Look up and create Atlassian accounts and sites."""

    def __init__(self, directory: AccountDirectory, provisioning: Provisioning) -> None:
        self._directory = directory
        self._provisioning = provisioning

    @activity.defn(name="ensure_accounts")
    async def ensure_accounts(self, request: AccountsInput) -> AccountsResult:
        """Look up a batch of people and create the missing accounts; the result may cover only some of them."""
        result = await self._look_up(request, create=True)
        return AccountsResult(outcomes=[_account_or_problem(outcome) for outcome in result.outcomes])

    @activity.defn(name="find_accounts")
    async def find_accounts(self, request: AccountsInput) -> AccountsResult:
        """Look up a batch of people; the result may cover only some of them."""
        return await self._look_up(request, create=False)

    async def _look_up(self, request: AccountsInput, *, create: bool) -> AccountsResult:
        progress = BatchProgress(_OUTCOMES)
        if progress.started_too_late:
            return AccountsResult(outcomes=progress.outcomes)
        known = {outcome.person for outcome in progress.outcomes}
        left = [question for question in request.questions if question.person not in known]

        async def look_up() -> None:
            async for outcomes in self._directory.ensure(left) if create else self._directory.find(left):
                progress.add(*outcomes)
                if progress.frozen or progress.out_of_time:
                    return

        async with progress.heartbeats():
            try:
                await finish_if_cancelled(look_up())
            except (LandbridgeError, asyncio.CancelledError) as error:
                if not progress.outcomes or (isinstance(error, asyncio.CancelledError) and not cancel_requested()):
                    raise
        _logger.info(
            "accounts_looked_up",
            people=len(request.questions),
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
    async def ensure_signed_up(self, request: SignUpInput) -> SignUpResult:
        """Ensure that the initiator has an Atlassian account."""
        result = await self._provisioning.ensure_signed_up(request.email, request.first_name, request.last_name)
        return SignUpResult(task=result) if isinstance(result, AdminTask) else SignUpResult(signed_up=result)

    @activity.defn(name="ensure_site")
    async def ensure_site(self, request: SiteInput) -> SiteResult:
        """Ensure that a site exists and that the initiator is its site admin."""
        site = NewSite(name=request.name, first_name=request.first_name, last_name=request.last_name)
        result = await self._provisioning.ensure_site(request.email, site)
        if isinstance(result, AdminTask):
            return SiteResult(task=result)
        return SiteResult(not_free=result) if isinstance(result, NameNotFree) else SiteResult(site=result)

    @activity.defn(name="ensure_connected")
    async def ensure_connected(self, request: ConnectInput) -> ConnectResult:
        """Ensure that the Opsgenie account is connected to the site."""
        result = await self._provisioning.ensure_connected(
            request.opsgenie_account, request.site, confirmed=request.confirmed
        )
        return ConnectResult(task=result if isinstance(result, AdminTask) else None)


def _account_or_problem(outcome: AccountOutcome) -> AccountOutcome:
    # An outcome without an account or a problem would make the workflow ask again forever.
    if outcome.account_id or outcome.problem:
        return outcome
    return outcome.model_copy(update={"problem": text("Atlassian answered, but with no account for this address.")})
