import structlog
from temporalio import activity

from activities.mail import PUT_OFF
from landbridge.domain.activity_io import Delivery, MailOutcome
from landbridge.domain.errors import ServiceUnavailable, Untrusted
from landbridge.domain.ports import IdentityTokens, Mailer, RosterSource
from landbridge.domain.proof import Proofs
from landbridge.domain.sign_in import (
    AdminSession,
    FindAdminResult,
    RoleAnswer,
    SendSignInLinkInput,
    SignInClaims,
    SignInMail,
    identity_digest,
)

_logger = structlog.get_logger()


class SignInActivities:
    """Who signs in to the portal, and the link that is mailed to them.

    Nothing that comes from Temporal decides who is an owner or admin, nor where a link is mailed: `find_admin` and
    `is_still_admin` sign what Opsgenie answers; `send_sign_in_link` and the portal check the signature.
    """

    def __init__(self, source: RosterSource, mailer: Mailer, identities: IdentityTokens, proofs: Proofs) -> None:
        self._source = source
        self._mailer = mailer
        self._identities = identities
        self._proofs = proofs

    @activity.defn(name="find_admin")
    async def find_admin(self, email: str) -> FindAdminResult:
        """Say whether an address is that of an owner or admin; who it is, is signed for the sign-in that asks."""
        leader = await self._source.find_admin(email)
        _logger.info("leader_looked_up", found=leader is not None)
        if leader is None:
            return FindAdminResult()
        return FindAdminResult(identity=self._identities.sign_identity(leader, *_workflow_that_asks()))

    @activity.defn(name="is_still_admin")
    async def is_still_admin(self, session: AdminSession) -> RoleAnswer:
        """Say whether somebody who is signed in is an owner or admin of that Opsgenie account still; sign it if so."""
        leader = await self._source.find_admin(session.email)
        confirmed = leader is not None and leader.opsgenie_account == session.opsgenie_account
        _logger.info("session_role_looked_up", confirmed=confirmed)
        return RoleAnswer(proof=self._proofs.of_role(session, _workflow_that_asks()[0]) if confirmed else "")

    @activity.defn(name="send_sign_in_link")
    async def send_sign_in_link(self, order: SendSignInLinkInput) -> MailOutcome:
        """Send a link to the person whose identity was signed for the sign-in that asks.

        Raises:
            ServiceUnavailable: the mail server puts the mail off; it is tried again.
            Untrusted: the identity was not signed, or for another sign-in.

        """
        sign_in_id, run_id = _workflow_that_asks()
        claims = SignInClaims(
            sign_in_id=sign_in_id,
            run_id=run_id,
            generation=order.generation,
            identity=identity_digest(order.identity),
        )
        recipient = self._identities.read_identity(order.identity, claims)
        if recipient is None:
            _logger.warning("sign_in_identity_refused", sign_in_id=sign_in_id)
            raise Untrusted("The identity in this order was not signed by Landbridge for this sign-in.")
        outcome = await self._mailer.send_sign_in_link(SignInMail(recipient=recipient, claims=claims))
        if outcome.delivery is Delivery.DEFERRED:
            raise ServiceUnavailable(PUT_OFF)
        _logger.info("sign_in_link_handed_over", generation=order.generation, delivery=str(outcome.delivery))
        return outcome


def _workflow_that_asks() -> tuple[str, str]:
    """Return workflow id and run id as Temporal has them, which no payload can change."""
    info = activity.info()
    return info.workflow_id or "", info.workflow_run_id or ""
