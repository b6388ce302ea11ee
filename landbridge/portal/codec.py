"""Temporal's codec server: decrypts payloads for the Web UI and the `temporal` command, given the codec token.

The protocol is Temporal's: payloads as JSON are posted to `…/codec/decode` and `…/codec/encode`. It does not say which
workflow they belong to. A payload to decrypt says it itself; to encrypt for a workflow, operators put its id into the
endpoint's address: `…/codec/site-migration:acme`.

The endpoint is there only where both keys and a token are set. The token is for operators, who may read everything: the
sign-in of owners and admins, each of one account, does not open it.
"""

import base64
import hmac
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from google.protobuf import json_format
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Scope
from temporalio.api.common.v1 import Payload, Payloads

from landbridge.platform import settings
from landbridge.platform.exits import KeyMissing
from landbridge.platform.temporal.encryption import UNTRUSTED, PayloadEncryption, key_id
from landbridge.portal.security_log import SecurityLog

MAX_BODY_BYTES = 8 * 1024 * 1024
"""Bytes: a history's page is at most 4 MiB, and grows by a third as JSON."""


def load(log: SecurityLog) -> "Codec | None":
    """Return the endpoint; None, if keys or token are not set. Each use is logged, and each denial.

    Raises:
        BadInput: a setting is wrong.

    """
    wanted = settings.load(settings.EncryptionSettings)
    token = wanted.codec_token.get_secret_value()
    if not token or not wanted.encryption_keys:
        return None
    return Codec(token, PayloadEncryption(wanted.keys), wanted.codec_origin, log)


class Codec:
    """The endpoint below `/codec`."""

    def __init__(self, token: str, encryption: PayloadEncryption, origin: str, log: SecurityLog) -> None:
        """Take the operators' token, the keys, the origin whose pages may ask (empty: no page may), and the log."""
        self._token = token.encode()
        self._log = log
        self._encryption = encryption
        self._origin = origin

    def routes(self) -> list[Mount]:
        """Return where it is."""
        pages = Middleware(
            CORSMiddleware,
            allow_origins=[self._origin] if self._origin else [],
            allow_methods=["POST"],
            allow_headers=["Authorization", "Content-Type", "X-Namespace"],
            allow_credentials=True,
        )
        handlers = [
            Route("/sign-in", self.sign_in),
            Route("/decode", self.decode, methods=["POST"]),
            Route("/encode", self.encode, methods=["POST"]),
            Route("/{workflow_id}/decode", self.decode, methods=["POST"]),
            Route("/{workflow_id}/encode", self.encode, methods=["POST"]),
        ]
        return [Mount("/codec", routes=handlers, middleware=[pages], max_body_size=MAX_BODY_BYTES)]

    def is_asked_by_operator(self, scope: Scope) -> bool:
        """Return whether a request is for the codec and shows its token."""
        return scope["path"].startswith("/codec/") and self._known(Headers(scope=scope))

    async def sign_in(self, request: Request) -> Response:
        """Have a browser ask for the token and remember it, for a Web UI that includes credentials."""
        if not self._known(request.headers):
            # The first request of a browser shows nothing yet: the answer has it ask.
            if "Authorization" in request.headers:
                self._log.refuse("codec_denied", request.scope, act=request.url.path)
            return PlainTextResponse(
                "The password is the codec's token.\n",
                HTTPStatus.UNAUTHORIZED,
                {"WWW-Authenticate": 'Basic realm="Landbridge codec"'},
            )
        return PlainTextResponse("Signed in. Temporal's Web UI can decrypt now, if it includes credentials.\n")

    async def decode(self, request: Request) -> Response:
        """Decrypt; what is in clear, or cannot be decrypted, stays as it is."""
        return await self._answer(request, self._readable)

    async def encode(self, request: Request) -> Response:
        """Encrypt what somebody sends by hand, for the workflow that the address names."""
        workflow_id = request.path_params.get("workflow_id", "")
        if not workflow_id and self._known(request.headers):
            return PlainTextResponse(
                "Add the id of the workflow to the codec's address: https://…/codec/WORKFLOW-ID\n",
                HTTPStatus.BAD_REQUEST,
            )
        return await self._answer(request, self._encryption.for_workflow(workflow_id).encode)

    async def _readable(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [await self._read(payload) for payload in payloads]

    async def _read(self, payload: Payload) -> Payload:
        if key_id(payload) is None:
            return payload
        try:
            (read,) = await self._encryption.decode([payload])
        except KeyMissing:
            return payload
        return payload if read == UNTRUSTED else read

    async def _answer(
        self, request: Request, work: Callable[[Sequence[Payload]], Awaitable[list[Payload]]]
    ) -> Response:
        if not self._known(request.headers):
            self._log.refuse("codec_denied", request.scope, act=request.url.path)
            return PlainTextResponse("The codec's token is needed.\n", HTTPStatus.UNAUTHORIZED)
        try:
            asked = json_format.Parse(await request.body(), Payloads())
        except (json_format.ParseError, UnicodeDecodeError):
            return PlainTextResponse("These are no payloads.\n", HTTPStatus.BAD_REQUEST)
        self._log.note("codec_used", request.scope, act=request.url.path, payloads=len(asked.payloads))
        done = Payloads(payloads=await work(asked.payloads))
        return Response(json_format.MessageToJson(done, indent=None), media_type="application/json")

    def _known(self, headers: Headers) -> bool:
        """Return whether the token was shown: as it is (`Bearer`), or as the password that a browser remembers."""
        scheme, _, shown = headers.get("Authorization", "").partition(" ")
        if scheme.casefold() == "basic":
            try:
                shown = base64.b64decode(shown, validate=True).decode(errors="replace").partition(":")[2]
            except ValueError:  # no base64, or not even ASCII
                return False
        elif scheme.casefold() != "bearer":
            return False
        return hmac.compare_digest(shown.encode(), self._token)
