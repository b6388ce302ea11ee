"""Settings → General → Cancel: cancel a running migration, or revoke the invitations of one that has ended."""

from starlette.responses import Response
from starlette.routing import Route

from landbridge.client.answers import RunState
from landbridge.domain.messages import MAX_REASON_LENGTH
from landbridge.domain.text import text
from landbridge.portal.admin.auth import HOME, AdminAuth, AdminRequest
from landbridge.portal.admin.general import can_be_undone, is_cancelled, load_status, load_undo

PATH = f"{HOME}/cancel"
UNDO_PATH = f"{HOME}/undo"


class CancelPages:
    """The pages to cancel a migration and to revoke invitations. Both ask for confirmation: neither can be undone."""

    def __init__(self, auth: AdminAuth) -> None:
        self._auth = auth

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(PATH, self._auth.page(self.ask)),
            Route(PATH, self._auth.form(self.cancel, back=PATH), methods=["POST"]),
            Route(UNDO_PATH, self._auth.page(self.ask_for_undo)),
            Route(UNDO_PATH, self._auth.form(self.undo), methods=["POST"]),
        ]

    async def ask(self, request: AdminRequest) -> Response:
        """Ask for confirmation, a reason, and whether to revoke invitations."""
        status = await load_status(request)
        if status is None or status.run_state is not RunState.RUNNING or is_cancelled(status):
            return self._auth.redirect(HOME)
        return self._auth.show(request, "settings/cancel.html", run=status.run, longest=MAX_REASON_LENGTH)

    async def cancel(self, request: AdminRequest) -> Response:
        """Cancel the migration; the workflow ends it in the background."""
        reason = request.field("reason")[:MAX_REASON_LENGTH]
        await request.shown_migration.cancel(reason, request.actor, undo=bool(request.field("undo")))
        return self._auth.redirect_with_message(
            HOME, text("Cancelled: no more emails are sent, and the links in earlier emails stop working.")
        )

    async def ask_for_undo(self, request: AdminRequest) -> Response:
        """Ask for confirmation to revoke the invitations of a migration that has ended."""
        status = await load_status(request)
        if status is None or not can_be_undone(status, await load_undo(request, status)):
            return self._auth.redirect(HOME)
        return self._auth.show(request, "settings/undo.html", run=status.run)

    async def undo(self, request: AdminRequest) -> Response:
        """Revoke the invitations; a workflow does it in the background."""
        await request.shown_migration.revoke_invitations(request.actor)
        return self._auth.redirect_with_message(
            HOME, text("The invitations that nobody has accepted are being revoked.")
        )
