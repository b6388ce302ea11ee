"""Emailed links. Only Landbridge can create them, and each has one purpose."""

import base64
import random
import re
import string
import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer

from landbridge.domain import ids
from landbridge.domain.links import LinkClaims, Purpose
from landbridge.domain.ports import LinkSigner
from landbridge.domain.sign_in import SignInClaims, digest, identity_digest
from landbridge.integrations.link_tokens import MAX_TOKEN_LENGTH, CanonicalSigner, SignedLinks

OLD_KEY, NEW_KEY = "o" * 32, "n" * 32
LINKS = SignedLinks("https://landbridge.example.com/", [NEW_KEY])
ACCOUNTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True)
CLAIMS = st.builds(
    LinkClaims,
    cohort_id=st.builds(ids.cohort, ACCOUNTS, st.integers(1, 400)),
    run=st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
    person=st.integers(1, 10**6),
    purpose=st.sampled_from(Purpose),
    generation=st.integers(1, 10**4),
)
SIGN_INS = st.builds(
    SignInClaims,
    sign_in_id=st.builds(lambda email: ids.sign_in(digest(email, NEW_KEY)), st.emails()),
    run_id=st.uuids().map(str),
    generation=st.integers(1, 5),
    identity=st.text().map(identity_digest),
)
EXAMPLE = LinkClaims(
    cohort_id=ids.cohort("acme", 1), run="0198c2f47b1c", person=7, purpose=Purpose.VERIFICATION, generation=2
)


def _other(purpose: Purpose) -> Purpose:
    return Purpose.AUTHENTICATION if purpose is Purpose.VERIFICATION else Purpose.VERIFICATION


def _signed(payload: object) -> str:
    """Sign a payload that this version would not write, with its own key and salt."""
    serializer = URLSafeTimedSerializer(NEW_KEY, salt="landbridge.link.verification", signer=CanonicalSigner)
    token = serializer.dumps(payload)
    assert isinstance(token, str)
    return token


@given(CLAIMS)
def test_a_link_returns_its_claims(claims: LinkClaims) -> None:
    """The token is within the size limit, and the link is under the configured URL."""
    signer: LinkSigner = LINKS
    url = signer.url(claims)
    page = "verify" if claims.purpose is Purpose.VERIFICATION else "authenticate"
    prefix = f"https://landbridge.example.com/{page}/"
    assert url.startswith(prefix)
    token = url.removeprefix(prefix)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")
    assert len(token) <= MAX_TOKEN_LENGTH
    assert LINKS.read(claims.purpose, token) == claims


@given(CLAIMS, SIGN_INS)
def test_a_token_passes_proxies_and_mail_programs(claims: LinkClaims, sign_in: SignInClaims) -> None:
    """Proxies reject a leading dot, and mail programs cut punctuation off the end of a link."""
    urls = [LINKS.url(claims), LINKS.return_url(claims), LINKS.sign_in_url(sign_in)]
    for token in (url.rpartition("/")[2] for url in urls):
        assert re.fullmatch(r"[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*", token), token
        assert ".." not in token
    assert LINKS.read_sign_in(urls[-1].rpartition("/")[2]) == sign_in


@pytest.mark.parametrize("account", ["a" * 100, "acme-acme-acme-acme-acme-acme-acme-acme"])
def test_a_compressible_name_is_not_compressed(account: str) -> None:
    """The signing library would mark compression with a leading dot."""
    claims = EXAMPLE.model_copy(update={"cohort_id": ids.cohort(account, 1)})
    assert LINKS.token(claims)[0].isalnum()
    assert LINKS.read(EXAMPLE.purpose, LINKS.token(claims)) == claims


@given(CLAIMS)
def test_a_link_has_one_purpose(claims: LinkClaims) -> None:
    """A verification link never authenticates, and vice versa."""
    assert LINKS.read(_other(claims.purpose), LINKS.token(claims)) is None


@given(CLAIMS.filter(lambda claims: claims.purpose is Purpose.AUTHENTICATION))
def test_a_return_link_has_no_other_purpose(claims: LinkClaims) -> None:
    """Atlassian receives the return link, so it must not authenticate or decline. No emailed link is a return link."""
    prefix = "https://landbridge.example.com/return/"
    url = LINKS.return_url(claims)
    assert url.startswith(prefix)
    token = url.removeprefix(prefix)
    assert LINKS.read_return(token) == claims
    assert [LINKS.read(purpose, token) for purpose in Purpose] == [None, None]
    assert LINKS.read_return(LINKS.token(claims)) is None


@pytest.mark.parametrize("days", [-2, 2])
def test_a_token_does_not_expire_by_itself(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """The worker and the portal may use a link days apart. Only the cohort decides whether it has expired."""
    token = LINKS.token(EXAMPLE)
    there = time.time() + timedelta(days=days).total_seconds()
    monkeypatch.setattr(time, "time", lambda: there)
    assert LINKS.read(EXAMPLE.purpose, token) == EXAMPLE


@given(CLAIMS, st.data())
def test_a_changed_link_is_invalid(claims: LinkClaims, data: st.DataObject) -> None:
    """One character is replaced, added or removed at any position."""
    token = LINKS.token(claims)
    at = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters() | st.sampled_from(string.ascii_letters + string.digits + "-_.= \n"))
    kept = token[at + data.draw(st.integers(0, 1)) :]
    changed = token[:at] + data.draw(st.sampled_from(["", character])) + kept
    if changed != token:
        assert LINKS.read(claims.purpose, changed) is None


def test_only_the_canonical_signature_is_valid() -> None:
    """The last character of a signature has unused bits, which must not be accepted in other forms."""
    token = LINKS.token(EXAMPLE)
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    readable = [end for end in alphabet if LINKS.read(EXAMPLE.purpose, token[:-1] + end)]
    assert readable == [token[-1]]


@given(CLAIMS, st.data())
def test_a_truncated_link_is_invalid(claims: LinkClaims, data: st.DataObject) -> None:
    """Some mail programs break long links."""
    token = LINKS.token(claims)
    assert LINKS.read(claims.purpose, token[: data.draw(st.integers(0, len(token) - 1))]) is None


@given(st.text(), st.sampled_from(Purpose))
def test_any_text_is_rejected_without_an_error(text: str, purpose: Purpose) -> None:
    """The address bar may contain any text."""
    assert LINKS.read(purpose, text) is None


def test_guessing_signatures_fails() -> None:
    """A hundred thousand guesses for a correct payload are all rejected."""
    stem = LINKS.token(EXAMPLE).rpartition(".")[0]
    guesses = random.Random(20270405)  # noqa: S311 - guesses that are the same each time
    for _ in range(100_000):
        signature = base64.urlsafe_b64encode(guesses.randbytes(32)).decode().rstrip("=")
        assert LINKS.read(EXAMPLE.purpose, f"{stem}.{signature}") is None


def test_keys_can_be_rotated() -> None:
    """The first key signs, and all keys are accepted. A link signed with a removed key is invalid."""
    before, between = SignedLinks("https://a.example", [OLD_KEY]), SignedLinks("https://a.example", [NEW_KEY, OLD_KEY])
    assert between.read(EXAMPLE.purpose, before.token(EXAMPLE)) == EXAMPLE
    assert LINKS.read(EXAMPLE.purpose, between.token(EXAMPLE)) == EXAMPLE
    assert LINKS.read(EXAMPLE.purpose, before.token(EXAMPLE)) is None


@pytest.mark.parametrize(
    "payload",
    [
        "site-migration:acme:cohort:1",
        {"cohort_id": "c", "run": "r", "person": 1, "generation": 1},
        [],
        ["c", "r", 1],
        ["c", 1, 1],
        ["c", "r", 1, 1, 1],
        ["", "r", 1, 1],
        ["c", "", 1, 1],
        [1, "r", 1, 1],
        ["c", 1, 1, 1],
        ["c", "r", "1", 1],
        ["c", "r", 1.0, 1],
        ["c", "r", True, 1],
        ["c", "r", 0, 1],
        ["c", "r", 1, -1],
        ["c", "r", None, 1],
        None,
    ],
    ids=str,
)
def test_a_signed_payload_of_another_shape_is_rejected(payload: object) -> None:
    """The payload is checked even if its signature is valid."""
    assert LINKS.read(Purpose.VERIFICATION, _signed(payload)) is None


def test_an_oversized_token_is_rejected() -> None:
    """The token is rejected before it is parsed, even if its signature is valid."""
    assert LINKS.read(Purpose.VERIFICATION, _signed(["".join(map(chr, range(33, 800))), "r", 1, 1])) is None


def test_a_base_url_may_have_a_path() -> None:
    """The portal may run below a path of a shared host."""
    url = SignedLinks("https://tools.example.com/landbridge", [NEW_KEY]).url(EXAMPLE)
    assert url.startswith("https://tools.example.com/landbridge/verify/")
