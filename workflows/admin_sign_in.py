"""An owner or admin signs in to the portal: one link at a time, good once.

Whoever is neither gets no mail, but a sign-in that takes just as long: nothing tells the two apart from outside.
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
    """Mails a link to an owner or admin, and says once, to the portal that redeems it, who that is.

    Who that is, is an identity token: signed by the activity that asked Opsgenie, checked by the one that mails the
    link and by the portal. This workflow only passes it on.
    """

    @workflow.init
    def __init__(self, request: SignInRequest) -> None:
        self._email = request.email
        self._identity = ""
        self._generation = 0
        self._wanted = True
        self._redeemed = False

    @workflow.run
    async def run(self, _: SignInRequest) -> None:
        """Mail links as they are asked for, until one is used or the newest is too old."""
        while self._wanted and self._generation < MAX_LINKS:
            await self._mail_link()
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._redeemed, timeout=COOL_DOWN, timeout_summary="Until another mail may go out"
                )
            # Asked for again meanwhile: the mail was on its way.
            self._wanted = False
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._redeemed or (self._wanted and self._generation < MAX_LINKS),
                    timeout=LINK_LIFETIME - COOL_DOWN,
                    timeout_summary="Until the link is too old",
                )
            if self._redeemed:
                return

    async def _mail_link(self) -> None:
        """Mail a link that replaces those before it, if Opsgenie says that this is an owner or admin."""
        found = await execute(SignInActivities.find_admin, self._email, options.LEADER, "Is this an owner or admin?")
        self._identity = "" if isinstance(found, Failure) else found.identity
        # Counted for strangers too, so that their sign-in ends as everyone's does.
        self._generation += 1
        if not self._identity or self._redeemed:
            return
        order = SendSignInLinkInput(identity=self._identity, generation=self._generation)
        await execute(SignInActivities.send_sign_in_link, order, options.SIGN_IN_MAIL, "Mail the link")

    @workflow.signal(name="link_wanted", description="Somebody asks for a link to this address.")
    def link_wanted(self) -> None:
        """Mail another link, unless the last one was mailed just now."""
        self._wanted = True

    @workflow.update(name="redeem")
    def redeem(self, request: Redeem) -> str:
        """Return the identity token of whoever has signed in, and end."""
        identity = self._identity_behind(request)
        self._redeemed = True
        return identity

    @redeem.validator
    def _check_redeem(self, request: Redeem) -> None:
        self._identity_behind(request)

    def _identity_behind(self, request: Redeem) -> str:
        if not self._identity or self._redeemed or request.generation != self._generation:
            raise to_failure(Refused("This link does not work any more."))
        return self._identity
