"""Signed links: minted for mails, read back by the portal."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from itsdangerous import BadData, TimedSerializer, TimestampSigner, URLSafeTimedSerializer
from itsdangerous.encoding import base64_decode, base64_encode, want_bytes
from pydantic import Field, TypeAdapter, ValidationError

from landbridge.domain.links import LinkClaims, Purpose
from landbridge.domain.sign_in import IDENTITY_LIFETIME, SignedIn, SignInClaims, identity_digest

MAX_TOKEN_LENGTH = 512
"""Characters; ours have up to about 270, since an Opsgenie account's name has up to 100."""
SIGN_IN_PATH, RETURN_PATH, SETTINGS_PATH = "sign-in", "return", "settings"
PATHS = {Purpose.VERIFICATION: "verify", Purpose.AUTHENTICATION: "authenticate"}
"""The page behind a link of each purpose."""

_Number = Annotated[int, Field(strict=True, ge=1)]
_Id = Annotated[str, Field(strict=True, min_length=1)]
_PAYLOAD = TypeAdapter(tuple[_Id, _Id, _Number, _Number])
_SIGN_IN_PAYLOAD = TypeAdapter(tuple[_Id, _Id, _Number, _Id])
_IDENTITY_PAYLOAD = TypeAdapter(tuple[_Id, _Id, SignedIn])


class OneSpelling(TimestampSigner):
    """Takes a signature in its one canonical spelling only; base64 readers skip stray characters and spare bits."""

    default_digest_method = staticmethod(hashlib.sha256)

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        """Return whether the signature is ours, to the letter."""
        return super().verify_signature(value, sig) and base64_encode(base64_decode(sig)) == want_bytes(sig)


class LinkSerializer(URLSafeTimedSerializer):
    """Writes tokens that begin and end with a letter or a digit; see `dump_payload`."""

    def __init__(self, keys: Sequence[str], salt: str) -> None:
        """Take the signing keys, the newest last, and what the tokens are for."""
        super().__init__(list(keys), salt=salt, signer=OneSpelling)

    def dump_payload(self, obj: object) -> bytes:
        """Encode without compression, which the library marks with a leading dot.

        Proxies often deny path segments that begin with a dot, as hidden files. Uncompressed JSON begins with `[` or
        `{`, so the token begins with a letter. It ends with the last four bits of an SHA-256 signature in base64,
        which are never written as `-` or `_`.
        """
        return base64_encode(TimedSerializer.dump_payload(self, obj))


class SignedLinks:
    """Signs links and reads them back; a `domain.ports.LinkSigner`, and the `IdentityTokens` of those who sign in.

    A token says which cohort, run, person and generation, and when it was signed, which only tells operators: whether
    a link still works is for the cohort's clock to say. The purpose is the signature's salt, so that a link of one
    cannot serve as the other. The way back from Atlassian has a salt of its own: what Atlassian is handed cannot
    authenticate, decline, or ask for mail.
    """

    def __init__(self, base_url: str, keys: Sequence[str]) -> None:
        """Take the URL that every link starts with, and the signing keys: the first signs, all are accepted."""
        self._base_url = base_url.rstrip("/")
        oldest_first = list(reversed(keys))
        self._serializers = {
            salt: LinkSerializer(oldest_first, f"landbridge.link.{salt}") for salt in (*Purpose, RETURN_PATH)
        }
        self._sign_in = LinkSerializer(oldest_first, "landbridge.link.sign-in")
        self._identity = LinkSerializer(oldest_first, "landbridge.identity")

    def url(self, claims: LinkClaims) -> str:
        """Return the link for a mail, under the configured base URL."""
        return f"{self._base_url}/{PATHS[claims.purpose]}/{self.token(claims)}"

    def return_url(self, claims: LinkClaims) -> str:
        """Return the way back from Atlassian's page for whoever followed an authentication link."""
        return f"{self._base_url}/{RETURN_PATH}/{self._signed(RETURN_PATH, claims)}"

    def token(self, claims: LinkClaims) -> str:
        """Return the signed part of a link."""
        return self._signed(claims.purpose, claims)

    def read(self, purpose: Purpose, token: str) -> LinkClaims | None:
        """Return what a token claims; None for anything but a token that we signed for this purpose."""
        return self._read(purpose, purpose, token)

    def read_return(self, token: str) -> LinkClaims | None:
        """Return what the token of a way back claims; None for anything else."""
        return self._read(RETURN_PATH, Purpose.AUTHENTICATION, token)

    def _signed(self, salt: str, claims: LinkClaims) -> str:
        payload = [claims.cohort_id, claims.run, claims.person, claims.generation]
        token = self._serializers[salt].dumps(payload)
        return token if isinstance(token, str) else token.decode()

    def _read(self, salt: str, purpose: Purpose, token: str) -> LinkClaims | None:
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        try:
            cohort_id, run, person, generation = _PAYLOAD.validate_python(self._serializers[salt].loads(token))
        except (BadData, ValidationError, UnicodeEncodeError):
            return None
        return LinkClaims(cohort_id=cohort_id, run=run, person=person, purpose=purpose, generation=generation)

    def sign_in_url(self, claims: SignInClaims) -> str:
        """Return the link to sign in by."""
        token = self._sign_in.dumps([claims.sign_in_id, claims.run_id, claims.generation, claims.identity])
        return f"{self._base_url}/{SIGN_IN_PATH}/{token if isinstance(token, str) else token.decode()}"

    def settings_url(self, page: str) -> str:
        """Return where owners and admins find a page once they have signed in."""
        return f"{self._base_url}/{SETTINGS_PATH}/{page}"

    def read_sign_in(self, token: str) -> SignInClaims | None:
        """Return what a sign-in token claims; None for anything but one that we signed."""
        if len(token) > MAX_TOKEN_LENGTH:
            return None
        try:
            sign_in_id, run_id, generation, identity = _SIGN_IN_PAYLOAD.validate_python(self._sign_in.loads(token))
        except (BadData, ValidationError, UnicodeEncodeError):
            return None
        return SignInClaims(sign_in_id=sign_in_id, run_id=run_id, generation=generation, identity=identity)

    def sign_identity(self, who: SignedIn, sign_in_id: str, run_id: str) -> str:
        """Return an identity token; see `domain.ports.IdentityTokens`."""
        token = self._identity.dumps([sign_in_id, run_id, who.model_dump()])
        return token if isinstance(token, str) else token.decode()

    def read_identity(self, token: str, claims: SignInClaims) -> SignedIn | None:
        """Return whom a token names; see `domain.ports.IdentityTokens`."""
        try:
            payload, signed_at = self._identity.loads(token, return_timestamp=True)
            sign_in_id, run_id, who = _IDENTITY_PAYLOAD.validate_python(payload)
        except (BadData, ValidationError, UnicodeEncodeError):
            return None
        # A token from a host whose clock is ahead is accepted: only hosts of ours sign.
        in_time = datetime.now(UTC) - signed_at <= IDENTITY_LIFETIME
        same_sign_in = (sign_in_id, run_id) == (claims.sign_in_id, claims.run_id)
        return who if in_time and same_sign_in and identity_digest(token) == claims.identity else None
