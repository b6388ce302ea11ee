"""Settings → Audit: who requested what of the migration, and when."""

from starlette.responses import Response
from starlette.routing import Route

from landbridge.domain.audit import Audit
from landbridge.domain.errors import NotFound
from landbridge.portal.admin.auth import AdminAuth, AdminRequest, page_number
from landbridge.portal.admin.general import banner_values, load_status

PATH = "/settings/audit"
PAGE = 100
"""Entries on one page."""


class AuditPages:
    """The audit trail."""

    def __init__(self, auth: AdminAuth) -> None:
        self._auth = auth

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(PATH, self._auth.page(self.show))]

    async def show(self, request: AdminRequest) -> Response:
        """Show a page of entries, newest first."""
        try:
            audit = await request.migration.audit()
        except NotFound:
            audit = Audit()
        number = page_number(request.http)
        return self._auth.show(
            request,
            "settings/audit.html",
            **await banner_values(request, await load_status(request)),
            entries=audit.entries[(number - 1) * PAGE : number * PAGE],
            left_out=audit.left_out,
            page=number,
            pages=max(1, -(-len(audit.entries) // PAGE)),
        )
