"""Settings → Audit: who asked what of the migration, and when."""

from starlette.responses import Response
from starlette.routing import Route

from landbridge.domain.audit import Audit
from landbridge.domain.errors import NotFound
from landbridge.portal.admin.auth import AdminAuth, AdminRequest, page_number
from landbridge.portal.admin.general import invitation, standing

PATH = "/settings/audit"
PAGE = 100
"""Acts on one page."""


class AuditPages:
    """The trail."""

    def __init__(self, gate: AdminAuth) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return where the page is."""
        return [Route(PATH, self._gate.page(self.show))]

    async def show(self, visit: AdminRequest) -> Response:
        """Show a page of acts, newest first."""
        try:
            audit = await visit.migration.audit()
        except NotFound:
            audit = Audit()
        number = page_number(visit.request)
        return self._gate.show(
            visit,
            "settings/audit.html",
            **await invitation(visit, await standing(visit)),
            entries=audit.entries[(number - 1) * PAGE : number * PAGE],
            left_out=audit.left_out,
            page=number,
            pages=max(1, -(-len(audit.entries) // PAGE)),
        )
