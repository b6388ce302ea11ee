"""Authorize owners and admins: every settings page and form passes through `AdminAuth`.

`AdminAuth.page` wraps the handlers of pages, `AdminAuth.form` those of forms. Handlers receive an `AdminRequest`.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from landbridge.client.calls import NoWorkerAnswers
from landbridge.client.migration import Migration
from landbridge.domain.errors import BadInput, LandbridgeError, NotFound
from landbridge.domain.people import Actor
from landbridge.domain.text import Text, text
from landbridge.portal import language
from landbridge.portal.admin.sessions import FlashMessage, Session, Sessions
from landbridge.portal.clients import AdminClient
from landbridge.portal.pages import Pages
from landbridge.portal.security import is_same_origin
from landbridge.portal.security_log import SecurityLog

HOME = "/settings/general"
"""The first page after signing in."""
CSRF_FIELD, RUN_FIELD = "csrf", "run"
MAX_FIELDS = 600
"""Fields of one form. The largest form lists a page of people with a checkbox each."""

_UNANSWERED = text("No worker is responding. Your request may still be carried out; check again in a few minutes.")
"""Shown to owners and admins, who cannot start workers themselves."""
_MAX_PAGE_NUMBER_DIGITS = 6

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class AdminRequest:
    """A request from a signed-in owner or admin."""

    http: Request
    session: Session
    client: AdminClient
    form: FormData = field(default_factory=FormData)
    """The submitted form; empty for a GET request."""

    @property
    def actor(self) -> Actor:
        """The signed-in person, as workflows record them."""
        return self.session.actor

    @property
    def migration(self) -> Migration:
        """The migration of the signed-in person's Opsgenie account, whether or not it exists.

        Raises:
            BadInput: no Opsgenie account can have this name.

        """
        return self.client.migration(self.session.opsgenie_account)

    @property
    def shown_migration(self) -> Migration:
        """The migration that the form was shown for. Its methods refuse requests if another migration is running now.

        Raises:
            BadInput: the form names no migration.

        """
        run = self.field(RUN_FIELD)
        if not run:
            raise BadInput(text("This page is out of date, so nothing was changed. Reload it and try again."))
        return self.client.migration(self.session.opsgenie_account, run)

    def field(self, name: str) -> str:
        """Return a form field's text without surrounding spaces; empty if the field is missing."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""


class _FlashRedirect(RedirectResponse):
    """Redirects to a page that shows the outcome of a form."""

    def __init__(self, url: str, *, problem: bool) -> None:
        """`problem`: the request was not carried out."""
        super().__init__(url, HTTPStatus.SEE_OTHER)
        self.problem = problem


Handler = Callable[[AdminRequest], Awaitable[Response]]


def page_number(request: Request) -> int:
    """Return the requested page of a list, counted from 1; 1 if the parameter is missing or invalid."""
    typed = request.query_params.get("page", "")
    return max(1, int(typed)) if typed.isascii() and typed.isdigit() and len(typed) <= _MAX_PAGE_NUMBER_DIGITS else 1


class AdminAuth:
    """Checks sessions and forms, and renders pages."""

    def __init__(self, pages: Pages, sessions: Sessions, log: SecurityLog, portal_url: str) -> None:
        self.pages = pages
        self.sessions = sessions
        self.log = log
        self._portal_url = portal_url

    def page(self, handler: Handler) -> Endpoint:
        """Return the endpoint of a page for signed-in people; everyone else is redirected to the sign-in page.

        BadInput and NotFound from the handler become 404.
        """

        async def endpoint(request: Request) -> Response:
            session = await self.session(request)
            if session is None:
                return self._sign_in_first(request, "/sign-in")
            language.prefer(session.locale)
            try:
                return await handler(AdminRequest(request, session, request.state.admins))
            except (BadInput, NotFound):
                raise HTTPException(HTTPStatus.NOT_FOUND) from None

        return endpoint

    def form(
        self,
        handler: Handler,
        *,
        back: str = HOME,
        signed_out: str = "/sign-in?ended=1",
        event: str = "admin_acted",
    ) -> Endpoint:
        """Return the endpoint of a form. If the handler raises an error, redirect to `back`, which shows the reason.

        If the session has ended, redirect to `signed_out`, which says that nothing was changed. `event` is the name of
        the event in the security log.
        """

        async def endpoint(request: Request) -> Response:
            self.check_origin(request)
            form = await request.form(max_files=0, max_fields=MAX_FIELDS)
            session = await self.session(request)
            if session is None:
                return self._sign_in_first(request, signed_out)
            token = form.get(CSRF_FIELD, "")
            if not isinstance(token, str) or not secrets.compare_digest(token.encode(), session.csrf.encode()):
                self.log.refuse("form_refused", request.scope, email=session.email, reason="csrf_token")
                raise HTTPException(HTTPStatus.FORBIDDEN)
            language.prefer(session.locale)
            try:
                response = await handler(AdminRequest(request, session, request.state.admins, form))
            except NoWorkerAnswers:
                response = self.redirect_with_message(back, _UNANSWERED, problem=True)
            except LandbridgeError as error:
                response = self.redirect_with_message(back, error.text, problem=True)
            self._log_outcome(event, request, session, response)
            return response

        return endpoint

    def _log_outcome(self, event: str, request: Request, session: Session, response: Response) -> None:
        refused = response.status_code >= HTTPStatus.BAD_REQUEST or (
            isinstance(response, _FlashRedirect) and response.problem
        )
        # Form paths contain numbers only, no text that a person typed.
        about = {"act": request.url.path, "opsgenie_account": session.opsgenie_account}
        if refused:
            self.log.refuse("admin_act_refused", request.scope, email=session.email, **about)
        else:
            self.log.note(event, request.scope, email=session.email, **about)

    async def session(self, request: Request) -> Session | None:
        """Return the open session of a request; None if there is none, or if it has ended according to Temporal.

        Raises:
            TemporalUnreachable: Temporal does not answer.

        """
        session = self.sessions.read(request)
        if session is None:
            if self.sessions.is_sent(request):
                self.log.refuse("session_refused", request.scope, reason="unknown")
            return None
        client: AdminClient = request.state.admins
        if await client.is_open(session.session_id, session):
            return session
        self.log.refuse("session_refused", request.scope, email=session.email, reason="over")
        return None

    def _sign_in_first(self, request: Request, path: str) -> Response:
        """Redirect to the sign-in page and delete the cookies of a session that has ended."""
        response = self.redirect(path)
        if self.sessions.is_sent(request):
            self.sessions.end(response)
        return response

    def check_origin(self, request: Request) -> None:
        """Refuse a form that was sent from another site.

        Raises:
            HTTPException: 403.

        """
        if not is_same_origin(request.headers, self._portal_url):
            self.log.refuse("form_refused", request.scope, reason="origin")
            raise HTTPException(HTTPStatus.FORBIDDEN)

    def show(
        self, request: AdminRequest, template: str, status: HTTPStatus = HTTPStatus.OK, /, **values: object
    ) -> Response:
        """Render a page that extends `admin/base.html`, with navigation and the message of the last form.

        The value `run` identifies the migration that the page shows; all forms on the page send it back.
        """
        flash = self.sessions.flash(request.http)
        values = {"invited": False, "run": "", **values, "session": request.session, "flash": flash}
        response = self.pages.show(template, status, **values)
        if flash is not None:
            self.sessions.clear_flash(response)
        return response

    def redirect(self, path: str) -> Response:
        """Redirect to a page of the portal."""
        return RedirectResponse(self.pages.root + path, HTTPStatus.SEE_OTHER)

    def redirect_with_message(self, path: str, sentence: Text, *, problem: bool = False) -> Response:
        """Redirect to a page of the portal that shows a message; `problem`: the request was not carried out.

        The message is rendered in the language of the request.
        """
        response = _FlashRedirect(self.pages.root + path, problem=problem)
        self.sessions.set_flash(response, FlashMessage(message=language.current().render(sentence), problem=problem))
        return response
