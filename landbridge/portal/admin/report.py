"""The report: who is connected, who is not, and what to do next for each person; the guide's step 7."""

from starlette.responses import Response
from starlette.routing import Route

from landbridge.client import csv_export
from landbridge.client.answers import ReportLine, RunState
from landbridge.domain.people import NEXT_STEP, State
from landbridge.domain.text import text
from landbridge.platform.exits import TemporalUnreachable
from landbridge.portal.admin.auth import HOME, AdminAuth, AdminRequest
from landbridge.portal.admin.general import load_status

PATH = "/settings/report"
PAGE = 50
"""People on one page."""
NOT_CONNECTED = tuple(state for state in State if state is not State.CONNECTED)


class ReportPages:
    """The report as pages and as a CSV file."""

    def __init__(self, auth: AdminAuth) -> None:
        self._auth = auth

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route(PATH, self._auth.page(self.show)), Route(f"{PATH}.csv", self._auth.page(self.download))]

    async def show(self, request: AdminRequest) -> Response:
        """Show the counts, and a page of the people who are not connected."""
        status = await load_status(request)
        if status is None or status.progress is None or not status.progress.cohorts:
            return self._auth.redirect(HOME)
        page = request.http.query_params.get("page", "")
        people = await request.migration.people(NOT_CONNECTED, page=page, limit=PAGE)
        return self._auth.show(
            request,
            "settings/report.html",
            status=status,
            completed=status.run_state is RunState.COMPLETED,
            runs=status.run_state is RunState.RUNNING,
            rows=[(state, status.counts[state], NEXT_STEP[state]) for state in State if status.counts[state]],
            people=people,
            page=page,
        )

    async def download(self, request: AdminRequest) -> Response:
        """Send everyone as CSV, or nothing: a truncated file would look complete."""
        status = await load_status(request)
        if status is not None and status.progress is None:
            raise TemporalUnreachable(
                text("No worker is responding, so people cannot be shown. Check again in a few minutes.")
            )
        if status is None or status.progress is None or not status.progress.cohorts:
            return self._auth.redirect(HOME)
        lines = [line async for page in request.migration.everyone() for line in page]
        session = request.session
        self._auth.log.note(
            "report_exported", request.http.scope, email=session.email, opsgenie_account=session.opsgenie_account
        )
        name = f"landbridge-{request.session.opsgenie_account}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        content = csv_export.header(ReportLine) + csv_export.rows(lines)
        return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
