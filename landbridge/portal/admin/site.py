"""Choosing a site, or naming a new one: the guide's steps 2 and 4, with a summary before anything happens."""

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
from landbridge.portal.admin.general import choice_open, run_of, standing

PATH = "/settings/site"
MAX_NAME_LENGTH = 100
"""Characters of a first or last name."""
_FAMILY_FIRST = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Kana, Han characters and Hangul."""


@dataclass(frozen=True)
class Shown:
    """What a form with the choice was shown for; the summary carries it on to the button *Migrate*."""

    run: str
    task: str


class SitePages:
    """The choice, its summary, and the button *Migrate*."""

    def __init__(self, gate: AdminAuth) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return where the pages are."""
        return [
            Route(PATH, self._gate.page(self.show)),
            Route(f"{PATH}/check", self._gate.page(self.check)),
            Route(f"{PATH}/review", self._gate.act(self.review, back=PATH), methods=["POST"]),
            Route(PATH, self._gate.act(self.migrate, back=PATH), methods=["POST"]),
        ]

    async def show(self, visit: AdminRequest) -> Response:
        """Show the sites, and the form for a new one."""
        status = await standing(visit)
        progress = status.progress if status else None
        if progress is None or not choice_open(progress):
            return self._gate.redirect(HOME)
        return self._form(visit, progress, Shown(run_of(status), progress.task_id))

    async def check(self, visit: AdminRequest) -> Response:
        """Tell a script what is wrong with a site name by the rules alone; whether it is free, Atlassian says."""
        name = visit.request.query_params.get("name", "")[: sites.MAX_LENGTH + 1]
        return JSONResponse({"problem": language.current().render(_problem_with(name))})

    async def review(self, visit: AdminRequest) -> Response:
        """Show what would happen; nothing has yet. Whoever wants to change it gets the form as it was filled in."""
        progress, shown = await visit.migration.progress(), Shown(visit.field(RUN_FIELD), visit.field("task"))
        if visit.field("change"):
            return self._form(visit, progress, shown)
        if (wanted := visit.field("site")) and not visit.field("suggestion"):
            site = sites.pick(progress.sites, wanted)
            if site is None or not site.admin:
                return self._form(visit, progress, shown, refusal=sites.denial_reason(wanted, site, progress.sites))
            return self._review(visit, progress, shown, site=site, new_site=None)
        new_site = _new_site(visit)
        try:
            sites.check(new_site)
        except BadInput as error:
            return self._form(visit, progress, shown, refusal=error.text)
        return self._review(visit, progress, shown, site=None, new_site=new_site)

    async def migrate(self, visit: AdminRequest) -> Response:
        """Hand the choice to the migration, which checks it once more and goes on."""
        migration, task = visit.shown_migration, visit.field("task")
        try:
            if wanted := visit.field("site"):
                decided = await migration.choose_site(wanted, visit.actor, task=task)
            else:
                decided = await migration.name_site(_new_site(visit), visit.actor, task=task)
        except Refused as error:
            run = (await migration.seen()).run
            progress = await migration.progress()
            if not choice_open(progress):
                raise
            return self._form(visit, progress, Shown(run, progress.task_id), refusal=error.text)
        if decided.task:
            return self._gate.go(HOME, text("Your choice is taken. Something is left for you to do first."))
        return self._gate.go(HOME, text("Your team moves now: accounts are looked up or created, and mails go out."))

    def _review(
        self, visit: AdminRequest, progress: Progress, shown: Shown, *, site: Site | None, new_site: NewSite | None
    ) -> Response:
        yours = _initiated(visit, progress)
        values = {"site": site, "new_site": new_site, "progress": progress, "yours": yours, **asdict(shown)}
        return self._gate.show(visit, "settings/review.html", **values)

    def _form(self, visit: AdminRequest, progress: Progress, shown: Shown, *, refusal: str = "") -> Response:
        yours = _initiated(visit, progress)
        # Of another initiator the session knows no name.
        first, last = _first_and_last(visit.session.name) if yours else ("", "")
        return self._gate.show(
            visit,
            "settings/site.html",
            HTTPStatus.UNPROCESSABLE_ENTITY if refusal else HTTPStatus.OK,
            **asdict(shown),
            progress=progress,
            yours=yours,
            refusal=refusal,
            chosen=visit.field("site"),
            name=visit.field("suggestion") or visit.field("name"),
            first_name=visit.field("first_name") or first,
            last_name=visit.field("last_name") or last,
            shortest=sites.MIN_LENGTH,
            longest=sites.MAX_LENGTH,
        )


def _first_and_last(name: str) -> tuple[str, str]:
    """Return the likely first and last name of a full one; in Chinese, Japanese and Korean the last stands first."""
    words = name.split() or [""]
    if _FAMILY_FIRST.search(name):
        last, *first = words
    else:
        *first, last = words
    return " ".join(first), last


def _initiated(visit: AdminRequest, progress: Progress) -> bool:
    """Return whether the visitor started the migration: sites are listed for, and created for, whoever did."""
    return addresses.key(visit.session.email) == addresses.key(progress.initiator)


def _new_site(visit: AdminRequest) -> NewSite:
    return NewSite(
        name=visit.field("suggestion") or visit.field("name"),
        first_name=visit.field("first_name")[:MAX_NAME_LENGTH],
        last_name=visit.field("last_name")[:MAX_NAME_LENGTH],
    )


def _problem_with(name: str) -> Text:
    try:
        sites.check_name(name)
    except BadInput as error:
        return error.text
    return NO_TEXT
