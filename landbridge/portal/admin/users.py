"""Settings → Users: everyone in a migration, in pages; who waits for what, and mail again for some or all of them.

An address is personal data, and addresses of pages stand in logs: here people go by their numbers, and what is searched
for travels in a form and a cookie.
"""

from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.routing import Route

from landbridge.client.answers import MigrationStatus, People, RunState
from landbridge.domain import pasted
from landbridge.domain.errors import BadInput, Refused
from landbridge.domain.messages import Resent
from landbridge.domain.people import FOR_ADMINS, GROUPS, MAILED, Group, State
from landbridge.domain.text import Text, counted, joined, text
from landbridge.portal.admin.auth import AdminAuth, AdminRequest
from landbridge.portal.admin.general import invitation, run_of, standing

PATH = "/settings/users"
PAGE = 50
"""People on one page."""
MAILABLE = frozenset(MAILED) | FOR_ADMINS
"""States in which there is a mail to send again, or something to try again."""
_REASONS_TOLD = 3
"""Different reasons why people of a selection get no mail."""


@dataclass(frozen=True)
class Selection:
    """Who a list shows, as the path of its page says it: with nothing personal in it."""

    group: Group | None = None
    searching: bool = False
    """Only those who were searched for; the words are in a cookie."""
    page: str = ""
    """Which page, as the one before it named it; empty: the first."""

    @classmethod
    def of(cls, query: QueryParams) -> Self:
        """Return what a query selects.

        Raises:
            BadInput: there is no such group.

        """
        return cls(_group(query.get("group", "")), "search" in query, query.get("page", ""))

    @property
    def query(self) -> str:
        """What stands behind a path, with its question mark; empty for the first page of everyone."""
        said = {"group": self.group or "", "search": "1" if self.searching else "", "page": self.page}
        written = urlencode({name: value for name, value in said.items() if value})
        return f"?{written}" if written else ""

    @property
    def path(self) -> str:
        """The path of the list."""
        return PATH + self.query


class UsersPages:
    """The list, the search, and what is done for many at once."""

    def __init__(self, gate: AdminAuth) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return where the pages are."""
        return [
            Route(PATH, self._gate.page(self.show)),
            Route(f"{PATH}/search", self._gate.act(self.search, back=PATH), methods=["POST"]),
            Route(f"{PATH}/resend", self._gate.act(self.resend, back=PATH), methods=["POST"]),
            Route(f"{PATH}/resend-all", self._gate.page(self.ask_for_all)),
            Route(f"{PATH}/resend-all", self._gate.act(self.resend_all, back=PATH), methods=["POST"]),
        ]

    async def show(self, visit: AdminRequest) -> Response:
        """Show a page of people: of a group or of all, or those who were searched for."""
        selection = Selection.of(visit.request.query_params)
        search = self._gate.sessions.search(visit.request) if selection.searching else ""
        status = await standing(visit)
        people = People(people=[])
        if status is not None and status.progress is not None and status.progress.cohorts:
            states = _states(selection.group)
            people = await visit.migration.people(states, search=search, page=selection.page, limit=PAGE)
        return self._gate.show(
            visit,
            "settings/users.html",
            **await invitation(visit, status),
            status=status,
            runs=_runs(status),
            counts=_counts(status),
            people=people,
            selection=selection,
            groups=list(Group),
            search=search,
            here=replace(selection, page="").path,
            mailable=MAILABLE,
            mailed=frozenset(MAILED),
        )

    async def search(self, visit: AdminRequest) -> Response:
        """Remember what is searched for, and show who that is."""
        wanted, group = pasted.address(visit.field("search")), _group(visit.field("group"))
        response = self._gate.redirect(Selection(group, searching=bool(wanted)).path)
        self._gate.sessions.keep_search(response, wanted)
        return response

    async def resend(self, visit: AdminRequest) -> Response:
        """Send mail again to the one whose button was pressed, or to everyone who was ticked."""
        back = Selection(_group(visit.field("group")), bool(visit.field("searching")), visit.field("page")).path
        named = visit.form.getlist("only") or visit.form.getlist("person")
        emails = [email for email in named if isinstance(email, str)]
        if not emails:
            return self._gate.go(
                back, text("Nobody is ticked. Tick those who are to get their mail again."), problem=True
            )
        try:
            resent = await visit.shown_migration.resend(*emails, by=visit.actor)
        except Refused as error:
            return self._gate.go(back, joined(text("No mail was sent."), error.text), problem=True)
        return self._gate.go(back, told(resent), problem=not resent.queued)

    async def ask_for_all(self, visit: AdminRequest) -> Response:
        """Ask whether a whole group is to get mail again."""
        group = _mailable_group(visit.request.query_params.get("group", ""))
        status = await standing(visit)
        if not _runs(status):
            return self._gate.redirect(PATH)
        return self._gate.show(
            visit,
            "settings/users_resend.html",
            run=run_of(status),
            group=group,
            number=_counts(status).get(group),
            back=Selection(group).path,
        )

    async def resend_all(self, visit: AdminRequest) -> Response:
        """Send mail again to a whole group."""
        group, migration = _mailable_group(visit.field("group")), visit.shown_migration
        resent = Resent()
        for state in GROUPS[group]:
            if state in MAILABLE:
                resent += await migration.resend_all(state, visit.actor)
        return self._gate.go(Selection(group).path, told(resent), problem=not resent.queued)


def told(resent: Resent) -> Text:
    """Return in a sentence or two what came of sending mail again; without addresses."""
    mails = counted("One mail will go out.", "{number} mails will go out.", resent.queued)
    if not resent.not_now:
        return mails
    without = counted("One person gets none now.", "{number} people get none now.", resent.not_now)
    # Of those that differ in a number alone, such as the seconds to wait, the one with the largest stands for all.
    by_number = sorted((one.reason for one in resent.refused), key=lambda reason: (len(reason), reason))
    reasons = {reason.key: reason for reason in by_number}
    why = [*reasons.values()][:_REASONS_TOLD]
    why = why or [text("They got one moments ago, or an admin has to mend something first.")]
    return joined(mails, without, *why)


def _group(name: str) -> Group | None:
    """Return a group by its name; of nothing, none.

    Raises:
        BadInput: there is no such group.

    """
    try:
        return Group(name) if name else None
    except ValueError:
        raise BadInput(text("There is no such group of people.")) from None


def _mailable_group(name: str) -> Group:
    group = _group(name)
    if group is None or not MAILABLE.intersection(GROUPS[group]):
        raise BadInput(text("There is no mail to send again to this group."))
    return group


def _states(group: Group | None) -> tuple[State, ...]:
    return () if group is None else GROUPS[group]


def _runs(status: MigrationStatus | None) -> bool:
    return status is not None and status.run_state is RunState.RUNNING


def _counts(status: MigrationStatus | None) -> dict[Group, int]:
    """Return how many people are in each group; empty where that is not known."""
    if status is None or not status.counts.by_state:
        return {}
    return {group: sum(status.counts[state] for state in states) for group, states in GROUPS.items()}
