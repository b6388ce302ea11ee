import structlog
from temporalio import activity

from activities.mail import DEFERRED
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
    """Look up who signs in to the portal, and mail the sign-in link.

    Data from Temporal never decides who is an owner or admin, or where a link is mailed: `find_admin` and
    `is_still_admin` sign the response of Opsgenie; `send_sign_in_link` and the portal verify the signature.
    """

    def __init__(self, source: RosterSource, mailer: Mailer, identities: IdentityTokens, proofs: Proofs) -> None:
        self._source = source
        self._mailer = mailer
        self._identities = identities
        self._proofs = proofs

    @activity.defn(name="find_admin")
    async def find_admin(self, email: str) -> FindAdminResult:
        """Look up the owner or admin with this address; return the identity, signed for the calling sign-in."""
        admin = await self._source.find_admin(email)
        _logger.info("admin_looked_up", found=admin is not None)
        if admin is None:
            return FindAdminResult()
        return FindAdminResult(identity=self._identities.sign_identity(admin, *_calling_workflow()))

    @activity.defn(name="is_still_admin")
    async def is_still_admin(self, session: AdminSession) -> RoleAnswer:
        """Check that a session's person is still an owner or admin of the Opsgenie account; if so, sign the answer."""
        admin = await self._source.find_admin(session.email)
        confirmed = admin is not None and admin.opsgenie_account == session.opsgenie_account
        _logger.info("session_role_looked_up", confirmed=confirmed)
        return RoleAnswer(proof=self._proofs.of_role(session, _calling_workflow()[0]) if confirmed else "")

    @activity.defn(name="send_sign_in_link")
    async def send_sign_in_link(self, request: SendSignInLinkInput) -> MailOutcome:
        """Send a sign-in link to the person whose identity was signed for the calling sign-in.

        Raises:
            ServiceUnavailable: the mail server deferred the mail; retry.
            Untrusted: the identity is not signed, or was signed for another sign-in.

        """
        sign_in_id, run_id = _calling_workflow()
        claims = SignInClaims(
            sign_in_id=sign_in_id,
            run_id=run_id,
            generation=request.generation,
            identity=identity_digest(request.identity),
        )
        recipient = self._identities.read_identity(request.identity, claims)
        if recipient is None:
            _logger.warning("sign_in_identity_refused", sign_in_id=sign_in_id)
            raise Untrusted("The identity in this request was not signed by Landbridge for this sign-in.")
        outcome = await self._mailer.send_sign_in_link(SignInMail(recipient=recipient, claims=claims))
        if outcome.delivery is Delivery.DEFERRED:
            raise ServiceUnavailable(DEFERRED)
        _logger.info("sign_in_link_sent", generation=request.generation, delivery=str(outcome.delivery))
        return outcome


def _calling_workflow() -> tuple[str, str]:
    """Return the workflow id and run id that Temporal reports; a payload cannot forge them."""
    info = activity.info()
    return info.workflow_id or "", info.workflow_run_id or ""
