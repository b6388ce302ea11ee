"""The report: who made it, who did not, and what to do next for each of them; the guide's step 7."""

from starlette.responses import Response
from starlette.routing import Route

from landbridge.client import csv_export
from landbridge.client.answers import ReportLine, RunState
from landbridge.domain.people import NEXT_STEP, State
from landbridge.domain.text import text
from landbridge.platform.exits import TemporalUnreachable
from landbridge.portal.admin.auth import HOME, AdminAuth, AdminRequest
from landbridge.portal.admin.general import standing

PATH = "/settings/report"
PAGE = 50
"""People on one page."""
DID_NOT_MAKE_IT = tuple(state for state in State if state is not State.CONNECTED)


class ReportPages:
    """The report on pages, and whole as a file."""

    def __init__(self, gate: AdminAuth) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return where the pages are."""
        return [Route(PATH, self._gate.page(self.show)), Route(f"{PATH}.csv", self._gate.page(self.download))]

    async def show(self, visit: AdminRequest) -> Response:
        """Show the counts, and a page of those who did not make it, or not yet."""
        status = await standing(visit)
        if status is None or status.progress is None or not status.progress.cohorts:
            return self._gate.redirect(HOME)
        page = visit.request.query_params.get("page", "")
        people = await visit.migration.people(DID_NOT_MAKE_IT, page=page, limit=PAGE)
        return self._gate.show(
            visit,
            "settings/report.html",
            status=status,
            completed=status.run_state is RunState.COMPLETED,
            runs=status.run_state is RunState.RUNNING,
            rows=[(state, status.counts[state], NEXT_STEP[state]) for state in State if status.counts[state]],
            people=people,
            page=page,
        )

    async def download(self, visit: AdminRequest) -> Response:
        """Send everyone as CSV, or nobody: what ends in the middle looks like a whole file."""
        status = await standing(visit)
        if status is not None and status.progress is None:
            raise TemporalUnreachable(
                text("No worker answers right now, so nobody can be shown. Look again in a few minutes.")
            )
        if status is None or status.progress is None or not status.progress.cohorts:
            return self._gate.redirect(HOME)
        lines = [line async for page in visit.migration.everyone() for line in page]
        session = visit.session
        self._gate.log.note(
            "report_exported", visit.request.scope, email=session.email, opsgenie_account=session.opsgenie_account
        )
        name = f"landbridge-{visit.session.opsgenie_account}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        content = csv_export.head(ReportLine) + csv_export.rows(lines)
        return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
