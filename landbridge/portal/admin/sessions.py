"""The portal's signed cookies: session, flash message, and search.

The session cookie only names the session; its workflow decides whether it is still open (`AdminClient.is_open`).
"""

import secrets
from collections.abc import Sequence

from itsdangerous import BadData, URLSafeTimedSerializer
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from landbridge.domain.base import Model
from landbridge.domain.people import Actor, Source
from landbridge.domain.sign_in import SESSION_LIFETIME, SignedIn
from landbridge.integrations.link_tokens import CanonicalSigner

SESSION_SECONDS = int(SESSION_LIFETIME.total_seconds())
FLASH_SECONDS = 60
"""Lifetime of a flash message: the next page normally shows it immediately."""
MAX_NAME_LENGTH = 80
"""Characters of a name stored in a cookie."""
MAX_MESSAGE_LENGTH = 500
"""Characters of a flash message."""
MAX_SEARCH_LENGTH = 254
"""Characters of a search: the maximum length of an email address."""
MAX_COOKIE_LENGTH = 4096
"""Characters of a cookie's value that browsers accept."""


class Session(SignedIn):
    """A signed-in owner or admin."""

    session_id: str
    """See `AdminClient.open_session`."""
    csrf: str
    """Included in every form of this session; pages of other sites cannot know it."""

    @property
    def actor(self) -> Actor:
        """The signed-in person, as workflows record them."""
        return Actor(source=Source.ADMIN, name=self.email)


class FlashMessage(Model):
    """The outcome of a form, shown on the next page."""

    message: str
    problem: bool = False
    """The request was not carried out."""


class Sessions:
    """Writes and reads the portal's cookies."""

    def __init__(self, keys: Sequence[str], *, secure: bool) -> None:
        """`keys`: the first signs, all verify. `secure`: the portal is reached over HTTPS."""
        oldest_first = list(reversed(keys))
        self._session = URLSafeTimedSerializer(oldest_first, salt="landbridge.session", signer=CanonicalSigner)
        self._flash = URLSafeTimedSerializer(oldest_first, salt="landbridge.flash", signer=CanonicalSigner)
        self._search = URLSafeTimedSerializer(oldest_first, salt="landbridge.search", signer=CanonicalSigner)
        self._secure = secure
        # Browsers accept a cookie with this prefix only over HTTPS and only from this exact host.
        prefix = "__Host-" if secure else ""
        self._session_name, self._flash_name = f"{prefix}landbridge-session", f"{prefix}landbridge-flash"
        self._search_name = f"{prefix}landbridge-search"

    def begin(self, response: Response, admin: SignedIn, session_id: str) -> None:
        """Set the session cookie on the response."""
        fields = admin.model_dump() | {"name": admin.name[:MAX_NAME_LENGTH]}
        session = Session(**fields, session_id=session_id, csrf=secrets.token_urlsafe(16))
        self._set(response, self._session_name, self._session.dumps(session.model_dump()), SESSION_SECONDS)

    def read(self, request: Request) -> Session | None:
        """Return the session in the request's cookie, open or not; None if there is no valid cookie."""
        value = self._read(request, self._session_name, self._session, SESSION_SECONDS)
        try:
            return Session.model_validate(value)
        except ValidationError:
            return None

    def is_sent(self, request: Request) -> bool:
        """Return whether the request has a session cookie, valid or not."""
        return self._session_name in request.cookies

    def end(self, response: Response) -> None:
        """Delete all cookies on the response."""
        self._delete(response, self._session_name)
        self._delete(response, self._flash_name)
        self._delete(response, self._search_name)

    def set_flash(self, response: Response, message: FlashMessage) -> None:
        """Set the message for the next page."""
        cut = message.model_copy(update={"message": message.message[:MAX_MESSAGE_LENGTH]})
        self._set(response, self._flash_name, self._flash.dumps(cut.model_dump()), FLASH_SECONDS)

    def flash(self, request: Request) -> FlashMessage | None:
        """Return the message to show, if there is one."""
        value = self._read(request, self._flash_name, self._flash, FLASH_SECONDS)
        try:
            return FlashMessage.model_validate(value)
        except ValidationError:
            return None

    def clear_flash(self, response: Response) -> None:
        """Delete the message, so that it is shown only once."""
        self._delete(response, self._flash_name)

    def keep_search(self, response: Response, text: str) -> None:
        """Store the search for the next pages. In a URL it would end up in logs."""
        self._set(response, self._search_name, self._search.dumps(text[:MAX_SEARCH_LENGTH]), SESSION_SECONDS)

    def search(self, request: Request) -> str:
        """Return the last search; empty if there is none."""
        value = self._read(request, self._search_name, self._search, SESSION_SECONDS)
        return value if isinstance(value, str) else ""

    def _read(self, request: Request, name: str, serializer: URLSafeTimedSerializer, seconds: int) -> object:
        value = request.cookies.get(name, "")
        if not value or len(value) > MAX_COOKIE_LENGTH:
            return None
        try:
            return serializer.loads(value, max_age=seconds)
        except (BadData, UnicodeEncodeError):
            return None

    def _set(self, response: Response, name: str, value: str | bytes, seconds: int) -> None:
        text = value if isinstance(value, str) else value.decode()
        response.set_cookie(name, text, max_age=seconds, secure=self._secure, httponly=True, samesite="lax")

    def _delete(self, response: Response, name: str) -> None:
        response.delete_cookie(name, secure=self._secure, httponly=True, samesite="lax")
