"""Settings → General → Cancel: ending a migration before its time, and revoking the invitations of one that ended."""

from starlette.responses import Response
from starlette.routing import Route

from landbridge.client.answers import RunState
from landbridge.domain.messages import MAX_REASON_LENGTH
from landbridge.domain.text import text
from landbridge.portal.admin.auth import HOME, AdminAuth, AdminRequest
from landbridge.portal.admin.general import can_be_undone, is_cancelled, standing, undo_of

PATH = f"{HOME}/cancel"
UNDO_PATH = f"{HOME}/undo"


class CancelPages:
    """Both ask first, on a page of their own: neither can be called back."""

    def __init__(self, gate: AdminAuth) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return where the pages are."""
        return [
            Route(PATH, self._gate.page(self.ask)),
            Route(PATH, self._gate.act(self.cancel, back=PATH), methods=["POST"]),
            Route(UNDO_PATH, self._gate.page(self.ask_for_undo)),
            Route(UNDO_PATH, self._gate.act(self.undo), methods=["POST"]),
        ]

    async def ask(self, visit: AdminRequest) -> Response:
        """Ask whether the migration is to end, why, and whether invitations are to be revoked."""
        status = await standing(visit)
        if status is None or status.run_state is not RunState.RUNNING or is_cancelled(status):
            return self._gate.redirect(HOME)
        return self._gate.show(visit, "settings/cancel.html", run=status.run, longest=MAX_REASON_LENGTH)

    async def cancel(self, visit: AdminRequest) -> Response:
        """End the migration; it goes on by itself."""
        reason = visit.field("reason")[:MAX_REASON_LENGTH]
        await visit.shown_migration.cancel(reason, visit.actor, undo=bool(visit.field("undo")))
        return self._gate.go(HOME, text("Cancelled: no more mail goes out, and the links in mails stop working."))

    async def ask_for_undo(self, visit: AdminRequest) -> Response:
        """Ask whether the invitations of a migration that is over are to be revoked."""
        status = await standing(visit)
        if status is None or not can_be_undone(status, await undo_of(visit, status)):
            return self._gate.redirect(HOME)
        return self._gate.show(visit, "settings/undo.html", run=status.run)

    async def undo(self, visit: AdminRequest) -> Response:
        """Revoke the invitations; that goes on by itself."""
        await visit.shown_migration.revoke_invitations(visit.actor)
        return self._gate.go(HOME, text("The invitations that nobody has accepted are being revoked."))
