"""Render templates in the request's language, and the error pages."""

import hashlib
import unicodedata
from collections.abc import Callable
from datetime import datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import jinja2
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ExceptionHandler, Receive, Scope, Send

from landbridge import i18n
from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.people import STATE_TITLES
from landbridge.platform.exits import TemporalUnreachable
from landbridge.portal import language
from landbridge.portal.security import SCRIPTED_PATH

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
RETRY_AFTER = "60"
"""The `Retry-After` header, in seconds, while Temporal cannot be reached."""
_BIDI_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def _without_controls(value: object) -> object:
    """Remove control characters that could reorder or hide surrounding text. Templates escape HTML separately."""
    # Markup is the output of a template, whose values were already cleaned.
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return "".join(
        character
        for character in value
        if unicodedata.bidirectional(character) not in _BIDI_CONTROLS and unicodedata.category(character) != "Cc"
    )


def _with_clean_values(gettext: Callable[..., object]) -> Callable[..., object]:
    """Clean the values in a translated sentence, because jinja's `finalize` does not apply to them."""

    @jinja2.pass_context
    def translate(context: jinja2.runtime.Context, *sentence: object, **values: object) -> object:
        return gettext(context, *sentence, **{name: _without_controls(value) for name, value in values.items()})

    return translate


def _content_hash(files: str) -> str:
    contents = b"".join(path.read_bytes() for path in sorted(STATIC.glob(files)))
    return hashlib.sha256(contents).hexdigest()[:12]


class Pages:
    """Renders HTML responses from the templates.

    Besides `trans` and `_`, templates have the filters `number`, `moment` and `day` for localized values, `counted` for
    numbers that choose a plural form, and `translate` for texts (`landbridge.domain.text`).
    """

    def __init__(self, base_url: str) -> None:
        """`base_url`: the portal's public URL; its path is the prefix of all links on the pages."""
        self.root = urlsplit(base_url).path.rstrip("/")
        """The prefix of every path, without a trailing slash."""
        # Browsers cache these files; a changed file gets a new URL.
        self._style_version, self._script_version = _content_hash("*.css"), _content_hash("*.js")
        # One environment per language, so that imported macros are translated too.
        self._environments = cache(self._environment)

    def show(self, template: str, status: HTTPStatus = HTTPStatus.OK, /, **values: object) -> Response:
        """Render a template as a response, in the request's language."""
        reader = language.current()
        content = self._environments(reader.tag).get_template(template).render(values)
        return HTMLResponse(content, status, {"Content-Language": reader.tag})

    def _environment(self, tag: str) -> jinja2.Environment:
        reader = i18n.negotiate(tag)
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=_without_controls,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.policies["ext.i18n.trimmed"] = True
        # The i18n extension adds this method at runtime.
        environment.install_gettext_translations(reader.translations, newstyle=True)  # type: ignore[attr-defined]
        for name in ("gettext", "ngettext", "pgettext", "npgettext"):
            environment.globals[name] = _with_clean_values(cast("Callable[..., object]", environment.globals[name]))
        environment.filters["number"] = lambda number: language.current().number(number)
        environment.filters["counted"] = lambda number: language.current().counted(number)
        environment.filters["moment"] = lambda at: language.current().moment(at)
        environment.filters["instant"] = datetime.fromisoformat
        environment.filters["translate"] = lambda text: language.current().render(text)
        environment.filters["day"] = lambda at: language.current().day(at)
        environment.globals["STATE_TITLES"] = STATE_TITLES
        environment.globals["lang"], environment.globals["dir"] = reader.tag, reader.direction
        environment.globals["root"], environment.globals["style_version"] = self.root, self._style_version
        environment.globals["script_version"] = self._script_version
        return environment

    def problem(self, status: HTTPStatus, path: str) -> Response:
        """Return the error page for a status; `path` selects the wording, for people or for admins."""
        return self.show("problem.html", status, status=int(status), settings=path.startswith(SCRIPTED_PATH))

    async def too_many_requests(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 429, as an ASGI application."""
        response = self.problem(HTTPStatus.TOO_MANY_REQUESTS, scope["path"])
        response.headers["Retry-After"] = scope["state"]["retry_after"]
        await response(scope, receive, send)

    def exception_handlers(self) -> dict[type[Exception] | int, ExceptionHandler]:
        """Return the handlers that turn exceptions into error pages."""

        async def http(request: Request, error: Exception) -> Response:
            if not isinstance(error, HTTPException):
                raise error
            response = self.problem(HTTPStatus(error.status_code), request.url.path)
            response.headers.update(error.headers or {})
            return response

        async def unavailable(request: Request, _error: Exception) -> Response:
            response = self.problem(HTTPStatus.SERVICE_UNAVAILABLE, request.url.path)
            response.headers["Retry-After"] = RETRY_AFTER
            return response

        async def gone(_request: Request, _error: Exception) -> Response:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # the client has disconnected

        async def unexpected(request: Request, _error: Exception) -> Response:
            return self.problem(HTTPStatus.INTERNAL_SERVER_ERROR, request.url.path)

        return {
            ClientDisconnect: gone,
            HTTPException: http,
            ServiceUnavailable: unavailable,
            TemporalUnreachable: unavailable,
            Exception: unexpected,
        }
