"""Temporal's codec server: decrypts payloads for the Web UI and the `temporal` command, given the codec token.

The protocol is Temporal's: clients post payloads as JSON to `…/codec/decode` and `…/codec/encode`. It does not name the
workflow that a payload belongs to. Encrypted payloads contain the workflow id; to encrypt for a workflow, operators add
its id to the endpoint's URL: `…/codec/site-migration:acme`.

The endpoint exists only if encryption keys and a codec token are set. The token is for operators, who may read
everything; the sessions of owners and admins, each for one Opsgenie account, do not grant access.
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
"""Bytes of a request's body. A page of a history is at most 4 MiB, and a third larger as JSON."""


def load(log: SecurityLog) -> "Codec | None":
    """Return the endpoint; None if keys or token are not set. Every use and every denial is logged.

    Raises:
        BadInput: a setting is wrong.

    """
    config = settings.load(settings.EncryptionSettings)
    token = config.codec_token.get_secret_value()
    if not token or not config.encryption_keys:
        return None
    return Codec(token, PayloadEncryption(config.keys), config.codec_origin, log)


class Codec:
    """The codec server's routes, below `/codec`."""

    def __init__(self, token: str, encryption: PayloadEncryption, origin: str, log: SecurityLog) -> None:
        """`origin`: the Web UI's origin, for CORS; empty allows no cross-origin requests."""
        self._token = token.encode()
        self._log = log
        self._encryption = encryption
        self._origin = origin

    def routes(self) -> list[Mount]:
        """Return the routes."""
        cors = Middleware(
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
        return [Mount("/codec", routes=handlers, middleware=[cors], max_body_size=MAX_BODY_BYTES)]

    def is_operator_request(self, scope: Scope) -> bool:
        """Return whether a request is for the codec and carries its token."""
        return scope["path"].startswith("/codec/") and self._has_token(Headers(scope=scope))

    async def sign_in(self, request: Request) -> Response:
        """Make the browser prompt for the token, so that a Web UI that includes credentials sends it."""
        if not self._has_token(request.headers):
            # A browser's first request has no credentials; the 401 makes it prompt.
            if "Authorization" in request.headers:
                self._log.refuse("codec_denied", request.scope, act=request.url.path)
            return PlainTextResponse(
                "Enter the codec token as the password.\n",
                HTTPStatus.UNAUTHORIZED,
                {"WWW-Authenticate": 'Basic realm="Landbridge codec"'},
            )
        return PlainTextResponse("Signed in. Temporal's Web UI can now decrypt payloads if it includes credentials.\n")

    async def decode(self, request: Request) -> Response:
        """Decrypt payloads; return unencrypted payloads, and payloads that cannot be decrypted, unchanged."""
        return await self._answer(request, self._decrypt_all)

    async def encode(self, request: Request) -> Response:
        """Encrypt payloads that an operator sends by hand, for the workflow in the URL."""
        workflow_id = request.path_params.get("workflow_id", "")
        if not workflow_id and self._has_token(request.headers):
            return PlainTextResponse(
                "Add the workflow id to the codec endpoint: https://…/codec/WORKFLOW-ID\n",
                HTTPStatus.BAD_REQUEST,
            )
        return await self._answer(request, self._encryption.for_workflow(workflow_id).encode)

    async def _decrypt_all(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [await self._decrypt(payload) for payload in payloads]

    async def _decrypt(self, payload: Payload) -> Payload:
        if key_id(payload) is None:
            return payload
        try:
            (decrypted,) = await self._encryption.decode([payload])
        except KeyMissing:
            return payload
        return payload if decrypted == UNTRUSTED else decrypted

    async def _answer(
        self, request: Request, convert: Callable[[Sequence[Payload]], Awaitable[list[Payload]]]
    ) -> Response:
        if not self._has_token(request.headers):
            self._log.refuse("codec_denied", request.scope, act=request.url.path)
            return PlainTextResponse("The codec token is missing or wrong.\n", HTTPStatus.UNAUTHORIZED)
        try:
            request_payloads = json_format.Parse(await request.body(), Payloads())
        except (json_format.ParseError, UnicodeDecodeError):
            return PlainTextResponse("The body is not a JSON message of Temporal payloads.\n", HTTPStatus.BAD_REQUEST)
        self._log.note("codec_used", request.scope, act=request.url.path, payloads=len(request_payloads.payloads))
        result = Payloads(payloads=await convert(request_payloads.payloads))
        return Response(json_format.MessageToJson(result, indent=None), media_type="application/json")

    def _has_token(self, headers: Headers) -> bool:
        """Return whether the token is in the `Authorization` header: as `Bearer`, or as the password of `Basic`."""
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.casefold() == "basic":
            try:
                token = base64.b64decode(token, validate=True).decode(errors="replace").partition(":")[2]
            except ValueError:  # not base64, or not ASCII
                return False
        elif scheme.casefold() != "bearer":
            return False
        return hmac.compare_digest(token.encode(), self._token)
