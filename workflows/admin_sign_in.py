"""The sign-in of an owner or admin to the portal, by a mailed link that works once.

An address that belongs to no owner or admin gets no mail, but its sign-in takes just as long. From outside, nobody can
find out whether an address belongs to an owner or admin.
"""

from contextlib import suppress

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.sign_in import SignInActivities
    from landbridge.domain.errors import Refused
    from landbridge.domain.sign_in import (
        COOL_DOWN,
        LINK_LIFETIME,
        MAX_LINKS,
        Redeem,
        SendSignInLinkInput,
        SignInRequest,
    )
    from workflows.support import options
    from workflows.support.activity_errors import Failure, execute
    from workflows.support.failures import to_failure


@workflow.defn(name="AdminSignInWorkflow")
class AdminSignInWorkflow:
    """Mails a link to an owner or admin, and returns the identity once, to the portal that redeems the link.

    The identity is a token. The activity that queries Opsgenie signs it; the activity that mails the link and the
    portal verify it. This workflow only passes it on.
    """

    @workflow.init
    def __init__(self, request: SignInRequest) -> None:
        self._email = request.email
        self._identity = ""
        self._generation = 0
        self._link_requested = True
        self._redeemed = False

    @workflow.run
    async def run(self, _: SignInRequest) -> None:
        """Mail requested links, until one is used or the newest has expired."""
        while self._link_requested and self._generation < MAX_LINKS:
            await self._mail_link()
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._redeemed, timeout=COOL_DOWN, timeout_summary="Cool-down before another mail"
                )
            # Ignore requests during the cool-down: the mail was already sent.
            self._link_requested = False
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._redeemed or (self._link_requested and self._generation < MAX_LINKS),
                    timeout=LINK_LIFETIME - COOL_DOWN,
                    timeout_summary="Lifetime of the link",
                )
            if self._redeemed:
                return

    async def _mail_link(self) -> None:
        """Mail a link that invalidates earlier links, if Opsgenie confirms that this is an owner or admin."""
        result = await execute(
            SignInActivities.find_admin, self._email, options.ADMIN_LOOKUPS, "Is this an owner or admin?"
        )
        self._identity = "" if isinstance(result, Failure) else result.identity
        # Count links for unknown addresses too, so that their sign-in takes the same time.
        self._generation += 1
        if not self._identity or self._redeemed:
            return
        link = SendSignInLinkInput(identity=self._identity, generation=self._generation)
        await execute(SignInActivities.send_sign_in_link, link, options.SIGN_IN_MAIL, "Mail the link")

    @workflow.signal(name="link_wanted", description="A link for this address is requested.")
    def link_wanted(self) -> None:
        """Mail another link, unless the cool-down still runs."""
        self._link_requested = True

    @workflow.update(name="redeem")
    def redeem(self, request: Redeem) -> str:
        """Return the identity token of the owner or admin, and end."""
        identity = self._redeemable_identity(request)
        self._redeemed = True
        return identity

    @redeem.validator
    def _check_redeem(self, request: Redeem) -> None:
        self._redeemable_identity(request)

    def _redeemable_identity(self, request: Redeem) -> str:
        if not self._identity or self._redeemed or request.generation != self._generation:
            raise to_failure(Refused("This link does not work any more."))
        return self._identity
