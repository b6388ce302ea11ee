"""Signed links: minted for mails, read back by the portal."""

import hashlib
from collections.abc import Sequence
from typing import Annotated

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_decode, base64_encode, want_bytes
from pydantic import Field, TypeAdapter, ValidationError

from domain.links import LinkClaims, Purpose

LONGEST_TOKEN = 512
"""Characters; ours have up to about 250, since an Opsgenie account's name has up to 100."""
PATHS = {Purpose.VERIFICATION: "verify", Purpose.AUTHENTICATION: "authenticate"}
"""The page behind a link of each purpose."""

_Number = Annotated[int, Field(strict=True, ge=1)]
_PAYLOAD = TypeAdapter(tuple[Annotated[str, Field(strict=True, min_length=1)], _Number, _Number])


class _OneSpelling(TimestampSigner):
    """Takes a signature in its one canonical spelling only; base64 readers skip stray characters and spare bits."""

    default_digest_method = staticmethod(hashlib.sha256)

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        return super().verify_signature(value, sig) and base64_encode(base64_decode(sig)) == want_bytes(sig)


class SignedLinks:
    """Signs links and reads them back; a `domain.ports.LinkMint`.

    A token says which cohort, person and generation, and when it was signed, which only tells operators: whether
    a link still works is for the cohort's clock to say. The purpose is the signature's salt, so that a link of one
    cannot serve as the other.
    """

    def __init__(self, base_url: str, keys: Sequence[str]) -> None:
        """Take the URL that every link starts with, and the signing keys: the first signs, all are accepted."""
        self._base_url = base_url.rstrip("/")
        oldest_first = list(reversed(keys))
        self._serializers = {
            purpose: URLSafeTimedSerializer(oldest_first, salt=f"landbridge.link.{purpose}", signer=_OneSpelling)
            for purpose in Purpose
        }

    def url(self, claims: LinkClaims) -> str:
        """Return the link for a mail, under the configured base URL."""
        return f"{self._base_url}/{PATHS[claims.purpose]}/{self.token(claims)}"

    def token(self, claims: LinkClaims) -> str:
        """Return the signed part of a link."""
        payload = [claims.cohort_id, claims.person, claims.generation]
        token = self._serializers[claims.purpose].dumps(payload)
        return token if isinstance(token, str) else token.decode()

    def read(self, purpose: Purpose, token: str) -> LinkClaims | None:
        """Return what a token claims; None for anything but a token that we signed for this purpose."""
        if len(token) > LONGEST_TOKEN:
            return None
        try:
            cohort_id, person, generation = _PAYLOAD.validate_python(self._serializers[purpose].loads(token))
        except (BadData, ValidationError, UnicodeEncodeError):
            return None
        return LinkClaims(cohort_id=cohort_id, person=person, purpose=purpose, generation=generation)
