"""Choose a site or name a new one, with a summary before anything changes: the guide's steps 2 and 4."""

import re
from dataclasses import asdict, dataclass
from http import HTTPStatus

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from landbridge.domain import addresses, sites
from landbridge.domain.errors import BadInput, Refused
from landbridge.domain.messages import Progress
from landbridge.domain.sites import NewSite, Site
from landbridge.domain.text import NO_TEXT, Text, text
from landbridge.portal import language
from landbridge.portal.admin.auth import HOME, RUN_FIELD, AdminAuth, AdminRequest
from landbridge.portal.admin.general import can_choose_site, load_status, run_of

PATH = "/settings/site"
MAX_NAME_LENGTH = 100
"""Characters of a first or last name."""
_FAMILY_FIRST = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Kana, Han characters and Hangul: in names in these scripts, the last name comes first."""


@dataclass(frozen=True)
class Shown:
    """The run and task that a form was shown for; the summary page sends them with the button *Migrate*."""

    run: str
    task: str


class SitePages:
    """The form, its summary, and the button *Migrate*."""

    def __init__(self, auth: AdminAuth) -> None:
        self._auth = auth

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(PATH, self._auth.page(self.show)),
            Route(f"{PATH}/check", self._auth.page(self.check)),
            Route(f"{PATH}/review", self._auth.form(self.review, back=PATH), methods=["POST"]),
            Route(PATH, self._auth.form(self.migrate, back=PATH), methods=["POST"]),
        ]

    async def show(self, request: AdminRequest) -> Response:
        """Show the sites, and the form for a new one."""
        status = await load_status(request)
        progress = status.progress if status else None
        if progress is None or not can_choose_site(progress):
            return self._auth.redirect(HOME)
        return self._form(request, progress, Shown(run_of(status), progress.task_id))

    async def check(self, request: AdminRequest) -> Response:
        """Return what is wrong with a site name, for the page's script. Only Atlassian knows whether it is free."""
        name = request.http.query_params.get("name", "")[: sites.MAX_LENGTH + 1]
        return JSONResponse({"problem": language.current().render(_problem_with(name))})

    async def review(self, request: AdminRequest) -> Response:
        """Show a summary of the choice, or the filled-in form again if the person wants to change it."""
        progress, shown = await request.migration.progress(), Shown(request.field(RUN_FIELD), request.field("task"))
        if request.field("change"):
            return self._form(request, progress, shown)
        if (wanted := request.field("site")) and not request.field("suggestion"):
            site = sites.pick(progress.sites, wanted)
            if site is None or not site.admin:
                return self._form(request, progress, shown, refusal=sites.denial_reason(wanted, site, progress.sites))
            return self._review(request, progress, shown, site=site, new_site=None)
        new_site = _new_site(request)
        try:
            sites.check(new_site)
        except BadInput as error:
            return self._form(request, progress, shown, refusal=error.text)
        return self._review(request, progress, shown, site=None, new_site=new_site)

    async def migrate(self, request: AdminRequest) -> Response:
        """Send the choice to the migration, which checks it again and continues."""
        migration, task = request.shown_migration, request.field("task")
        try:
            if wanted := request.field("site"):
                decided = await migration.choose_site(wanted, request.actor, task=task)
            else:
                decided = await migration.name_site(_new_site(request), request.actor, task=task)
        except Refused as error:
            run = (await migration.expected_summary()).run
            progress = await migration.progress()
            if not can_choose_site(progress):
                raise
            return self._form(request, progress, Shown(run, progress.task_id), refusal=error.text)
        if decided.task:
            return self._auth.redirect_with_message(
                HOME, text("Your choice is saved. There is something for you to do first.")
            )
        return self._auth.redirect_with_message(
            HOME, text("Your team is moving: Landbridge finds or creates Atlassian accounts and sends emails.")
        )

    def _review(
        self, request: AdminRequest, progress: Progress, shown: Shown, *, site: Site | None, new_site: NewSite | None
    ) -> Response:
        yours = _is_initiator(request, progress)
        values = {"site": site, "new_site": new_site, "progress": progress, "yours": yours, **asdict(shown)}
        return self._auth.show(request, "settings/review.html", **values)

    def _form(self, request: AdminRequest, progress: Progress, shown: Shown, *, refusal: Text = NO_TEXT) -> Response:
        yours = _is_initiator(request, progress)
        # The session has the name of the signed-in person only.
        first, last = _first_and_last(request.session.name) if yours else ("", "")
        return self._auth.show(
            request,
            "settings/site.html",
            HTTPStatus.UNPROCESSABLE_ENTITY if refusal else HTTPStatus.OK,
            **asdict(shown),
            progress=progress,
            yours=yours,
            refusal=refusal,
            chosen=request.field("site"),
            name=request.field("suggestion") or request.field("name"),
            first_name=request.field("first_name") or first,
            last_name=request.field("last_name") or last,
            shortest=sites.MIN_LENGTH,
            longest=sites.MAX_LENGTH,
        )


def _first_and_last(name: str) -> tuple[str, str]:
    """Split a full name into first and last name; in Chinese, Japanese and Korean the last name comes first."""
    words = name.split() or [""]
    if _FAMILY_FIRST.search(name):
        last, *first = words
    else:
        *first, last = words
    return " ".join(first), last


def _is_initiator(request: AdminRequest, progress: Progress) -> bool:
    """Return whether the signed-in person is the initiator. Sites are listed and created for the initiator only."""
    return addresses.key(request.session.email) == addresses.key(progress.initiator)


def _new_site(request: AdminRequest) -> NewSite:
    return NewSite(
        name=request.field("suggestion") or request.field("name"),
        first_name=request.field("first_name")[:MAX_NAME_LENGTH],
        last_name=request.field("last_name")[:MAX_NAME_LENGTH],
    )


def _problem_with(name: str) -> Text:
    try:
        sites.check_name(name)
    except BadInput as error:
        return error.text
    return NO_TEXT
