"""Email addresses: every spelling of a mailbox has the same key, and different mailboxes have different keys."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain import addresses
from landbridge.domain.errors import BadInput

LOCAL_PARTS = st.from_regex(r"[A-Za-z0-9_+-]{1,20}(\.[A-Za-z0-9_+-]{1,20}){0,2}", fullmatch=True)
DOMAINS = st.sampled_from(["example.com", "mail.example.com", "bücher.example", "例え.example", "faß.example"])


@given(st.text() | st.builds("{}@{}".format, LOCAL_PARTS | st.text(), DOMAINS | st.text()))
def test_any_text_is_refused_or_has_one_normal_form(text: str) -> None:
    """Normalising twice changes nothing, and the result fits the limits; any other text raises `BadInput`."""
    with suppress(BadInput):
        normal = addresses.normalise(text)
        assert addresses.normalise(normal) == normal
        assert len(normal.encode()) <= addresses.MAX_LENGTH


@given(LOCAL_PARTS, DOMAINS, st.sampled_from(["", " ", "\t", "\r\n"]))
def test_the_spellings_of_a_mailbox_share_a_key(local_part: str, domain: str, space: str) -> None:
    """Case, surrounding spaces and punycode make no difference; a tag and the domain do."""
    address = f"{local_part}@{domain}"
    key = addresses.key(address)
    spellings = [address.upper() if "ß" not in domain else f"{local_part.upper()}@{domain}", f"{space}{address}{space}"]
    labels = [label if label.isascii() else f"xn--{label.encode('punycode').decode()}" for label in domain.split(".")]
    spellings.append(f"{local_part}@{'.'.join(labels)}")
    assert {addresses.key(spelling) for spelling in spellings} == {key}
    assert addresses.key(key) == key
    assert addresses.key(f"{local_part}+tag@{domain}") != key
    assert addresses.key(f"{local_part}@sub.{domain}") != key


@given(st.text())
def test_what_is_no_address_still_has_a_key(text: str) -> None:
    """Unusable rows are compared by key too, so computing a key never raises."""
    assert addresses.key(text) == addresses.key(f" {text} ")


@given(LOCAL_PARTS, DOMAINS)
def test_a_normal_address_has_its_key_without_another_look(local_part: str, domain: str) -> None:
    """The shortcut for normalised addresses returns the same key."""
    normal = addresses.normalise(f"{local_part}@{domain}")
    assert addresses.key_of_normal(normal) == addresses.key(normal)


def test_domains_that_only_folding_would_join_stay_apart() -> None:
    """`ß` is a letter of its own in a domain (RFC 5892), so these domains belong to two companies."""
    assert addresses.key("ann@faß.example") != addresses.key("ann@fass.example")


@pytest.mark.parametrize(
    "given_, normal",
    [
        ("  Ann.Lee+ops@EXAMPLE.com ", "Ann.Lee+ops@example.com"),
        ("zoe\u0308@example.com", "zo\u00eb@example.com"),
        ("ann@xn--bcher-kva.example", "ann@bücher.example"),
        ("ann@\uff45xample.com", "ann@example.com"),
        ("\u0430\u043d\u043d\u0430@\u043f\u043e\u0447\u0442\u0430.example", "анна@почта.example"),
        ("kenji-\u68ee@example.com", "kenji-森@example.com"),
        (f"{'a' * 64}@example.com", f"{'a' * 64}@example.com"),
    ],
)
def test_the_normal_form_keeps_what_only_the_owner_knows(given_: str, normal: str) -> None:
    """The part before the @-sign keeps its case and tag, which only its owner understands; the domain has one form."""
    assert addresses.normalise(given_) == normal


@pytest.mark.parametrize(
    "text",
    [
        "ann@example.com\r\nBcc: bo@example.com",
        "ann@example.com,bo@example.com",
        "Ann <ann@example.com>",
        '"ann lee"@example.com',
        "ann\u202e@example.com",
        f"{'a' * 65}@example.com",
        "ann@localhost",
        "ann@ex\u0430mple.com",
        "\u0430nn@example.com",
        "ann@xn--exmple-4nf.com",
    ],
)
def test_what_could_reach_somebody_else_is_refused(text: str) -> None:
    """Headers, second recipients, names and quotes never reach a mail's envelope, and errors contain no address."""
    with pytest.raises(BadInput) as refused:
        addresses.normalise(text)
    assert text not in str(refused.value)
