"""Links that are mailed: only we can make one, and one opens only its own door."""

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
def test_a_link_says_what_was_put_in(claims: LinkClaims) -> None:
    """Whatever is minted is read back unchanged, fits the limit and stands under the configured URL."""
    mint: LinkSigner = LINKS
    url = mint.url(claims)
    page = "verify" if claims.purpose is Purpose.VERIFICATION else "authenticate"
    prefix = f"https://landbridge.example.com/{page}/"
    assert url.startswith(prefix)
    token = url.removeprefix(prefix)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")
    assert len(token) <= MAX_TOKEN_LENGTH
    assert LINKS.read(claims.purpose, token) == claims


@given(CLAIMS, SIGN_INS)
def test_a_token_passes_proxies_and_mail_programs_untouched(claims: LinkClaims, sign_in: SignInClaims) -> None:
    """A leading dot is a hidden file to proxies, and mail programs cut punctuation off the end of a link."""
    urls = [LINKS.url(claims), LINKS.return_url(claims), LINKS.sign_in_url(sign_in)]
    for token in (url.rpartition("/")[2] for url in urls):
        assert re.fullmatch(r"[A-Za-z0-9]+([._-]+[A-Za-z0-9]+)*", token), token
        assert ".." not in token
    assert LINKS.read_sign_in(urls[-1].rpartition("/")[2]) == sign_in


@pytest.mark.parametrize("account", ["a" * 100, "acme-acme-acme-acme-acme-acme-acme-acme"])
def test_a_name_that_compresses_makes_no_other_token(account: str) -> None:
    """The signing library would compress such a payload, and mark that with a leading dot."""
    claims = EXAMPLE.model_copy(update={"cohort_id": ids.cohort(account, 1)})
    assert LINKS.token(claims)[0].isalnum()
    assert LINKS.read(EXAMPLE.purpose, LINKS.token(claims)) == claims


@given(CLAIMS)
def test_a_link_serves_one_purpose(claims: LinkClaims) -> None:
    """A verification link never authenticates, nor the other way round."""
    assert LINKS.read(_other(claims.purpose), LINKS.token(claims)) is None


@given(CLAIMS.filter(lambda claims: claims.purpose is Purpose.AUTHENTICATION))
def test_the_way_back_serves_nothing_else(claims: LinkClaims) -> None:
    """Atlassian is handed it: it can neither authenticate nor decline, and no mailed link can stand for it."""
    prefix = "https://landbridge.example.com/return/"
    url = LINKS.return_url(claims)
    assert url.startswith(prefix)
    token = url.removeprefix(prefix)
    assert LINKS.read_return(token) == claims
    assert [LINKS.read(purpose, token) for purpose in Purpose] == [None, None]
    assert LINKS.read_return(LINKS.token(claims)) is None


@pytest.mark.parametrize("days", [-2, 2])
def test_no_clock_but_the_cohorts_says_whether_a_link_works(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """The worker that mails a link and the portal that reads it may be days apart."""
    token = LINKS.token(EXAMPLE)
    there = time.time() + timedelta(days=days).total_seconds()
    monkeypatch.setattr(time, "time", lambda: there)
    assert LINKS.read(EXAMPLE.purpose, token) == EXAMPLE


@given(CLAIMS, st.data())
def test_a_changed_link_is_worth_nothing(claims: LinkClaims, data: st.DataObject) -> None:
    """One character replaced, added or taken away anywhere makes a token unreadable."""
    token = LINKS.token(claims)
    at = data.draw(st.integers(0, len(token) - 1))
    character = data.draw(st.characters() | st.sampled_from(string.ascii_letters + string.digits + "-_.= \n"))
    kept = token[at + data.draw(st.integers(0, 1)) :]
    changed = token[:at] + data.draw(st.sampled_from(["", character])) + kept
    if changed != token:
        assert LINKS.read(claims.purpose, changed) is None


def test_spare_bits_of_a_signature_are_not_another_link() -> None:
    """The last character of a signature has spare bits; only one spelling of them counts."""
    token = LINKS.token(EXAMPLE)
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    readable = [end for end in alphabet if LINKS.read(EXAMPLE.purpose, token[:-1] + end)]
    assert readable == [token[-1]]


@given(CLAIMS, st.data())
def test_a_truncated_link_is_worth_nothing(claims: LinkClaims, data: st.DataObject) -> None:
    """Mail programs break long lines; the first part of a link opens nothing."""
    token = LINKS.token(claims)
    assert LINKS.read(claims.purpose, token[: data.draw(st.integers(0, len(token) - 1))]) is None


@given(st.text(), st.sampled_from(Purpose))
def test_any_text_can_be_tried(text: str, purpose: Purpose) -> None:
    """Whatever somebody puts into the address bar, the answer is a plain no."""
    assert LINKS.read(purpose, text) is None


def test_a_hundred_thousand_guesses_find_nothing() -> None:
    """Whoever knows what a link looks like, and all of it but the signature, guesses in vain."""
    stem = LINKS.token(EXAMPLE).rpartition(".")[0]
    guesses = random.Random(20270405)  # noqa: S311 - guesses that are the same each time
    for _ in range(100_000):
        signature = base64.urlsafe_b64encode(guesses.randbytes(32)).decode().rstrip("=")
        assert LINKS.read(EXAMPLE.purpose, f"{stem}.{signature}") is None


def test_a_key_can_be_replaced() -> None:
    """The first key signs and all are accepted; a link whose key was taken off the list is worth nothing."""
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
def test_a_signed_payload_of_another_shape_is_refused(payload: object) -> None:
    """Even under our own signature, a payload that is not cohort, run, person and generation opens nothing."""
    assert LINKS.read(Purpose.VERIFICATION, _signed(payload)) is None


def test_an_oversized_token_is_refused() -> None:
    """Longer than any of ours is refused unread, even when the signature is right."""
    assert LINKS.read(Purpose.VERIFICATION, _signed(["".join(map(chr, range(33, 800))), "r", 1, 1])) is None


def test_a_url_under_a_path_keeps_it() -> None:
    """A portal below a path of a shared host is linked below it."""
    url = SignedLinks("https://tools.example.com/landbridge", [NEW_KEY]).url(EXAMPLE)
    assert url.startswith("https://tools.example.com/landbridge/verify/")
