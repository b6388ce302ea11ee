"""Rendering: templates, and the pages for what went wrong, all in one look."""

import hashlib
import unicodedata
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import jinja2
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ExceptionHandler

from domain.errors import NeighbourUnavailable

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


class Pages:
    """Makes HTML answers from the templates."""

    def __init__(self, base_url: str) -> None:
        """Take the URL under which people reach the portal: the pages' own links start with its path."""
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=_harmless,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["root"] = urlsplit(base_url).path.rstrip("/")
        # Browsers may keep the style sheet; a new one has another address.
        self._environment.globals["style_version"] = hashlib.sha256((STATIC / "portal.css").read_bytes()).hexdigest()[
            :12
        ]

    def show(self, template: str, status: HTTPStatus = HTTPStatus.OK, /, **values: object) -> Response:
        """Render a template as a response."""
        return HTMLResponse(self._environment.get_template(template).render(values), status)

    def problem(self, status: HTTPStatus) -> Response:
        """Return the page that tells of a problem."""
        return self.show("problem.html", status, status=int(status))

    def exception_handlers(self) -> dict[type[Exception] | int, ExceptionHandler]:
        """Return what turns the exceptions of all pages into pages."""

        async def http(_: Request, error: Exception) -> Response:
            if not isinstance(error, HTTPException):
                raise error
            response = self.problem(HTTPStatus(error.status_code))
            response.headers.update(error.headers or {})
            return response

        async def unavailable(_: Request, _error: Exception) -> Response:
            response = self.problem(HTTPStatus.SERVICE_UNAVAILABLE)
            response.headers["Retry-After"] = RETRY_AFTER
            return response

        async def unexpected(_: Request, _error: Exception) -> Response:
            return self.problem(HTTPStatus.INTERNAL_SERVER_ERROR)

        return {HTTPException: http, NeighbourUnavailable: unavailable, Exception: unexpected}
