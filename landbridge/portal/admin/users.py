"""Settings → Users: a paged list of everyone in a migration, with search and resend.

URLs end up in logs, and email addresses are personal data. So URLs identify people by number, and a search is sent in a
form and kept in a cookie.
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
from landbridge.portal.admin.general import banner_values, load_status, run_of

PATH = "/settings/users"
PAGE = 50
"""People on one page."""
MAILABLE = frozenset(MAILED) | FOR_ADMINS
"""States in which resending makes sense: there is an email to send, or something to try again."""
_MAX_REASONS = 3
"""Maximum number of reasons shown for people who receive no email."""


@dataclass(frozen=True)
class Selection:
    """The people that a list shows, as encoded in its URL, without personal data."""

    group: Group | None = None
    searching: bool = False
    """Show search results; the search itself is in a cookie."""
    page: str = ""
    """The page token that the previous page returned; empty for the first page."""

    @classmethod
    def of(cls, query: QueryParams) -> Self:
        """Return the selection in a URL's query.

        Raises:
            BadInput: there is no such group.

        """
        return cls(_group(query.get("group", "")), "search" in query, query.get("page", ""))

    @property
    def query(self) -> str:
        """The query string with its question mark; empty for the first page of everyone."""
        parameters = {"group": self.group or "", "search": "1" if self.searching else "", "page": self.page}
        encoded = urlencode({name: value for name, value in parameters.items() if value})
        return f"?{encoded}" if encoded else ""

    @property
    def path(self) -> str:
        """The path of the list."""
        return PATH + self.query


class UsersPages:
    """The list, the search, and resending to several people."""

    def __init__(self, auth: AdminAuth) -> None:
        self._auth = auth

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route(PATH, self._auth.page(self.show)),
            Route(f"{PATH}/search", self._auth.form(self.search, back=PATH), methods=["POST"]),
            Route(f"{PATH}/resend", self._auth.form(self.resend, back=PATH), methods=["POST"]),
            Route(f"{PATH}/resend-all", self._auth.page(self.ask_to_resend_all)),
            Route(f"{PATH}/resend-all", self._auth.form(self.resend_all, back=PATH), methods=["POST"]),
        ]

    async def show(self, request: AdminRequest) -> Response:
        """Show a page of a group, of everyone, or of search results."""
        selection = Selection.of(request.http.query_params)
        search = self._auth.sessions.search(request.http) if selection.searching else ""
        status = await load_status(request)
        people = People(people=[])
        if status is not None and status.progress is not None and status.progress.cohorts:
            states = _states(selection.group)
            people = await request.migration.people(states, search=search, page=selection.page, limit=PAGE)
        return self._auth.show(
            request,
            "settings/users.html",
            **await banner_values(request, status),
            status=status,
            runs=_is_running(status),
            counts=_counts(status),
            people=people,
            selection=selection,
            groups=list(Group),
            search=search,
            here=replace(selection, page="").path,
            mailable=MAILABLE,
            mailed=frozenset(MAILED),
        )

    async def search(self, request: AdminRequest) -> Response:
        """Store the search and redirect to its results."""
        wanted, group = pasted.address(request.field("search")), _group(request.field("group"))
        response = self._auth.redirect(Selection(group, searching=bool(wanted)).path)
        self._auth.sessions.keep_search(response, wanted)
        return response

    async def resend(self, request: AdminRequest) -> Response:
        """Resend to the person whose button was pressed, or to all selected people."""
        back = Selection(_group(request.field("group")), bool(request.field("searching")), request.field("page")).path
        named = request.form.getlist("only") or request.form.getlist("person")
        emails = [email for email in named if isinstance(email, str)]
        if not emails:
            return self._auth.redirect_with_message(
                back, text("Nobody is selected. Select the people who should receive their email again."), problem=True
            )
        try:
            resent = await request.shown_migration.resend(*emails, by=request.actor)
        except Refused as error:
            return self._auth.redirect_with_message(back, joined(text("No email was sent."), error.text), problem=True)
        return self._auth.redirect_with_message(back, describe_resend(resent), problem=not resent.queued)

    async def ask_to_resend_all(self, request: AdminRequest) -> Response:
        """Ask for confirmation to resend to a whole group."""
        group = _mailable_group(request.http.query_params.get("group", ""))
        status = await load_status(request)
        if not _is_running(status):
            return self._auth.redirect(PATH)
        return self._auth.show(
            request,
            "settings/users_resend.html",
            run=run_of(status),
            group=group,
            number=_counts(status).get(group),
            back=Selection(group).path,
        )

    async def resend_all(self, request: AdminRequest) -> Response:
        """Resend to a whole group."""
        group, migration = _mailable_group(request.field("group")), request.shown_migration
        resent = Resent()
        for state in GROUPS[group]:
            if state in MAILABLE:
                resent += await migration.resend_all(state, request.actor)
        return self._auth.redirect_with_message(
            Selection(group).path, describe_resend(resent), problem=not resent.queued
        )


def describe_resend(resent: Resent) -> Text:
    """Return a short report of a resend, without addresses."""
    queued = counted("One email will be sent.", "{number} emails will be sent.", resent.queued)
    if not resent.not_now:
        return queued
    skipped = counted(
        "One person does not receive an email now.", "{number} people do not receive an email now.", resent.not_now
    )
    # Reasons that differ only in a number, such as the seconds to wait, are shown once, with the largest number.
    by_number = sorted((refusal.reason for refusal in resent.refused), key=lambda reason: (len(reason), reason))
    by_key = {reason.key: reason for reason in by_number}
    reasons = [*by_key.values()][:_MAX_REASONS] or [
        text("They received one moments ago, or an admin has to fix something first.")
    ]
    return joined(queued, skipped, *reasons)


def _group(name: str) -> Group | None:
    """Return a group by name; None for an empty name.

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
        raise BadInput(text("There is no email to resend to this group."))
    return group


def _states(group: Group | None) -> tuple[State, ...]:
    return () if group is None else GROUPS[group]


def _is_running(status: MigrationStatus | None) -> bool:
    return status is not None and status.run_state is RunState.RUNNING


def _counts(status: MigrationStatus | None) -> dict[Group, int]:
    """Return how many people are in each group; empty if that is not known."""
    if status is None or not status.counts.by_state:
        return {}
    return {group: sum(status.counts[state] for state in states) for group, states in GROUPS.items()}
