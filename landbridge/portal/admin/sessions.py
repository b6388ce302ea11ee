"""The portal's cookies, all signed: who is signed in, what came of an act, what was searched for.

Whether a session is open still is not for its cookie to say, but for its workflow (`AdminClient.is_open`).
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
NEWS_SECONDS = 60
"""How long the sentence about an act waits for the page that shows it."""
MAX_NAME_LENGTH = 80
"""Characters of a name and of a sentence that have to find room in a cookie."""
MAX_MESSAGE_LENGTH = 500
MAX_SEARCH_LENGTH = 254
"""Characters of a search; as long as an address."""
MAX_COOKIE_LENGTH = 4096
"""Characters; browsers keep no longer ones."""


class Session(SignedIn):
    """Someone who is signed in."""

    session_id: str
    """See `AdminClient.open_session`."""
    csrf: str
    """Stands in every form of this session; a page of someone else's cannot know it."""

    @property
    def actor(self) -> Actor:
        """Who acts, for workflows to record."""
        return Actor(source=Source.ADMIN, name=self.email)


class FlashMessage(Model):
    """What came of an act, for the next page to show."""

    sentence: str
    problem: bool = False
    """It was not done."""


class Sessions:
    """Writes and reads the portal's cookies."""

    def __init__(self, keys: Sequence[str], *, secure: bool) -> None:
        """Take the signing keys, the first signs; `secure`: people reach the portal by HTTPS."""
        oldest_first = list(reversed(keys))
        self._session = URLSafeTimedSerializer(oldest_first, salt="landbridge.session", signer=CanonicalSigner)
        self._cohort_statuses = URLSafeTimedSerializer(oldest_first, salt="landbridge.news", signer=CanonicalSigner)
        self._search = URLSafeTimedSerializer(oldest_first, salt="landbridge.search", signer=CanonicalSigner)
        self._secure = secure
        # Browsers take a name with this prefix from this very host only, and only by HTTPS.
        prefix = "__Host-" if secure else ""
        self._session_name, self._news_name = f"{prefix}landbridge-session", f"{prefix}landbridge-news"
        self._search_name = f"{prefix}landbridge-search"

    def begin(self, response: Response, leader: SignedIn, session_id: str) -> None:
        """Let the response sign someone in."""
        fields = leader.model_dump() | {"name": leader.name[:MAX_NAME_LENGTH]}
        session = Session(**fields, session_id=session_id, csrf=secrets.token_urlsafe(16))
        self._set(response, self._session_name, self._session.dumps(session.model_dump()), SESSION_SECONDS)

    def read(self, request: Request) -> Session | None:
        """Return whose cookie a browser shows, whether or not the session is open still; None: nobody's."""
        value = self._read(request, self._session_name, self._session, SESSION_SECONDS)
        try:
            return Session.model_validate(value)
        except ValidationError:
            return None

    def is_sent(self, request: Request) -> bool:
        """Return whether a browser shows the cookie of a session, anybody's or a forged one."""
        return self._session_name in request.cookies

    def end(self, response: Response) -> None:
        """Let the response sign out."""
        self._delete(response, self._session_name)
        self._delete(response, self._news_name)
        self._delete(response, self._search_name)

    def tell(self, response: Response, news: FlashMessage) -> None:
        """Let the next page say something."""
        cut = news.model_copy(update={"sentence": news.sentence[:MAX_MESSAGE_LENGTH]})
        self._set(response, self._news_name, self._cohort_statuses.dumps(cut.model_dump()), NEWS_SECONDS)

    def news(self, request: Request) -> FlashMessage | None:
        """Return what there is to say."""
        value = self._read(request, self._news_name, self._cohort_statuses, NEWS_SECONDS)
        try:
            return FlashMessage.model_validate(value)
        except ValidationError:
            return None

    def told(self, response: Response) -> None:
        """Let the response say nothing more."""
        self._delete(response, self._news_name)

    def keep_search(self, response: Response, text: str) -> None:
        """Let the pages that follow know what was searched for; in an address, logs would hold it."""
        self._set(response, self._search_name, self._search.dumps(text[:MAX_SEARCH_LENGTH]), SESSION_SECONDS)

    def search(self, request: Request) -> str:
        """Return what was searched for last; empty: nothing."""
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
