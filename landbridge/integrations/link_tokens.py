"""Sign the links in mails, and verify them in the portal."""

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
"""Maximum characters of a token. Ours have up to about 270, because an Opsgenie account's name has up to 100."""
SIGN_IN_PATH, RETURN_PATH, SETTINGS_PATH = "sign-in", "return", "settings"
PATHS = {Purpose.VERIFICATION: "verify", Purpose.AUTHENTICATION: "authenticate"}
"""The path of the page for each purpose."""

_Number = Annotated[int, Field(strict=True, ge=1)]
_Id = Annotated[str, Field(strict=True, min_length=1)]
_PAYLOAD = TypeAdapter(tuple[_Id, _Id, _Number, _Number])
_SIGN_IN_PAYLOAD = TypeAdapter(tuple[_Id, _Id, _Number, _Id])
_IDENTITY_PAYLOAD = TypeAdapter(tuple[_Id, _Id, SignedIn])


class CanonicalSigner(TimestampSigner):
    """Accepts signatures in canonical base64 only. Decoders ignore invalid characters and unused bits."""

    default_digest_method = staticmethod(hashlib.sha256)

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        """Return whether the signature is valid and in canonical form."""
        return super().verify_signature(value, sig) and base64_encode(base64_decode(sig)) == want_bytes(sig)


class LinkSerializer(URLSafeTimedSerializer):
    """Creates tokens that begin and end with a letter or a digit; see `dump_payload`."""

    def __init__(self, keys: Sequence[str], salt: str) -> None:
        """Take the signing keys, the newest last, and the salt for the purpose of the tokens."""
        super().__init__(list(keys), salt=salt, signer=CanonicalSigner)

    def dump_payload(self, obj: object) -> bytes:
        """Encode without compression, because the library marks compression with a leading dot.

        Many proxies reject path segments that begin with a dot, as hidden files. Uncompressed JSON begins with `[` or
        `{`, so the token begins with a letter. It ends with the last four bits of an SHA-256 signature in base64,
        which are never encoded as `-` or `_`.
        """
        return base64_encode(TimedSerializer.dump_payload(self, obj))


class SignedLinks:
    """Signs and verifies links; implements `domain.ports.LinkSigner` and `IdentityTokens`.

    A token contains the cohort, run, person and generation, and the time of signing. That time is only for operators:
    the cohort decides whether a link has expired. The purpose is the salt of the signature, so that a link of one
    purpose is not valid for another. The return link from Atlassian has its own salt: Atlassian receives that token,
    and it must not authenticate, decline, or request mail.
    """

    def __init__(self, base_url: str, keys: Sequence[str]) -> None:
        """Take the base URL of all links, and the signing keys: the first signs, all are accepted."""
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
        """Return the URL to which Atlassian's page returns a person who followed an authentication link."""
        return f"{self._base_url}/{RETURN_PATH}/{self._signed(RETURN_PATH, claims)}"

    def token(self, claims: LinkClaims) -> str:
        """Return the signed part of a link."""
        return self._signed(claims.purpose, claims)

    def read(self, purpose: Purpose, token: str) -> LinkClaims | None:
        """Return the claims of a token; None if we did not sign it for this purpose."""
        return self._read(purpose, purpose, token)

    def read_return(self, token: str) -> LinkClaims | None:
        """Return the claims of a return link's token; None if it is not valid."""
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
        """Return a sign-in link."""
        token = self._sign_in.dumps([claims.sign_in_id, claims.run_id, claims.generation, claims.identity])
        return f"{self._base_url}/{SIGN_IN_PATH}/{token if isinstance(token, str) else token.decode()}"

    def settings_url(self, page: str) -> str:
        """Return the URL of a page for owners and admins who are signed in."""
        return f"{self._base_url}/{SETTINGS_PATH}/{page}"

    def read_sign_in(self, token: str) -> SignInClaims | None:
        """Return the claims of a sign-in token; None if we did not sign it."""
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
        """Return the identity in a token; see `domain.ports.IdentityTokens`."""
        try:
            payload, signed_at = self._identity.loads(token, return_timestamp=True)
            sign_in_id, run_id, who = _IDENTITY_PAYLOAD.validate_python(payload)
        except (BadData, ValidationError, UnicodeEncodeError):
            return None
        # A token from a host whose clock is ahead is accepted: only our hosts sign.
        fresh = datetime.now(UTC) - signed_at <= IDENTITY_LIFETIME
        same_sign_in = (sign_in_id, run_id) == (claims.sign_in_id, claims.run_id)
        return who if fresh and same_sign_in and identity_digest(token) == claims.identity else None
