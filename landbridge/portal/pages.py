"""Rendering: templates in the request's language, and the pages for what went wrong, all in one look."""

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
from landbridge.portal.security import SCRIPTED

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
RETRY_AFTER = "60"
"""Seconds to wait, told to clients while Temporal cannot be reached."""
_BIDI_CONTROLS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def _harmless(value: object) -> object:
    """Take out of a text what would reorder or hide its surroundings; escaping is done by the templates besides."""
    # Markup is HTML that a template made, and already consists of harmless values.
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return "".join(
        character
        for character in value
        if unicodedata.bidirectional(character) not in _BIDI_CONTROLS and unicodedata.category(character) != "Cc"
    )


def _harmless_values(say: Callable[..., object]) -> Callable[..., object]:
    """Let a sentence take the same care of what is put into it as a template does outside of sentences."""

    @jinja2.pass_context
    def said(context: jinja2.runtime.Context, *sentence: object, **values: object) -> object:
        return say(context, *sentence, **{name: _harmless(value) for name, value in values.items()})

    return said


def _version(files: str) -> str:
    contents = b"".join(path.read_bytes() for path in sorted(STATIC.glob(files)))
    return hashlib.sha256(contents).hexdigest()[:12]


class Pages:
    """Makes HTML answers from the templates.

    Besides `trans` and `_`, templates have the filters `number`, `moment` and `day`, which write as the reader does,
    `counted` for numbers that choose between one and many, and `translate` for texts (`landbridge.domain.text`).
    """

    def __init__(self, base_url: str) -> None:
        """Take the URL under which people reach the portal: the pages' own links start with its path."""
        self.root = urlsplit(base_url).path.rstrip("/")
        """What stands before the path of every page."""
        # Browsers may keep these files; a new one has another address.
        self._style_version, self._script_version = _version("*.css"), _version("*.js")
        # An environment for each language: macros that one template imports of another are then in it too.
        self._speaking = cache(self._environment)

    def show(self, template: str, status: HTTPStatus = HTTPStatus.OK, /, **values: object) -> Response:
        """Render a template as a response, in the request's language."""
        speech = language.current()
        content = self._speaking(speech.tag).get_template(template).render(values)
        return HTMLResponse(content, status, {"Content-Language": speech.tag})

    def _environment(self, tag: str) -> jinja2.Environment:
        speech = i18n.negotiate(tag)
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=_harmless,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        environment.policies["ext.i18n.trimmed"] = True
        # The extension puts this method there when it is loaded, which types cannot tell.
        environment.install_gettext_translations(speech.translations, newstyle=True)  # type: ignore[attr-defined]
        for name in ("gettext", "ngettext", "pgettext", "npgettext"):
            environment.globals[name] = _harmless_values(cast("Callable[..., object]", environment.globals[name]))
        environment.filters["number"] = lambda number: language.current().number(number)
        environment.filters["counted"] = lambda number: language.current().counted(number)
        environment.filters["moment"] = lambda at: language.current().moment(at)
        environment.filters["instant"] = datetime.fromisoformat
        environment.filters["translate"] = lambda text: language.current().render(text)
        environment.filters["day"] = lambda at: language.current().day(at)
        environment.globals["STATE_TITLES"] = STATE_TITLES
        environment.globals["lang"], environment.globals["dir"] = speech.tag, speech.direction
        environment.globals["root"], environment.globals["style_version"] = self.root, self._style_version
        environment.globals["script_version"] = self._script_version
        return environment

    def problem(self, status: HTTPStatus, path: str) -> Response:
        """Return the page that tells of a problem with what was asked for at a path."""
        return self.show("problem.html", status, status=int(status), settings=path.startswith(SCRIPTED))

    async def too_many(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that came too soon, as an ASGI application."""
        response = self.problem(HTTPStatus.TOO_MANY_REQUESTS, scope["path"])
        response.headers["Retry-After"] = scope["state"]["retry_after"]
        await response(scope, receive, send)

    def exception_handlers(self) -> dict[type[Exception] | int, ExceptionHandler]:
        """Return what turns the exceptions of all pages into pages."""

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
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody is there to read it

        async def unexpected(request: Request, _error: Exception) -> Response:
            return self.problem(HTTPStatus.INTERNAL_SERVER_ERROR, request.url.path)

        return {
            ClientDisconnect: gone,
            HTTPException: http,
            ServiceUnavailable: unavailable,
            TemporalUnreachable: unavailable,
            Exception: unexpected,
        }
