"""Site names: what the guide's step 4 takes, and what is suggested instead."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain import sites
from landbridge.domain.errors import BadInput
from landbridge.domain.sites import Site

ALLOWED = string.ascii_lowercase + string.digits + "-"
NEAR_NAMES = st.text(ALLOWED + "A_. é", max_size=70) | st.text(max_size=70)


@given(NEAR_NAMES)
def test_a_name_is_taken_by_the_rules_alone(name: str) -> None:
    """3 to 63 of a-z, 0-9 and hyphens, with hyphens only in the middle; nothing else."""
    valid = 3 <= len(name) <= 63 and set(name) <= set(ALLOWED) and name[0] != "-" and name[-1] != "-"
    if valid:
        sites.check_name(name)
    else:
        with pytest.raises(BadInput):
            sites.check_name(name)


@given(NEAR_NAMES)
def test_every_suggestion_is_a_valid_other_name(wanted: str) -> None:
    """Whatever was wanted, there are one to four names to choose from, all valid and each different."""
    suggestions = sites.suggest_names(wanted)
    assert 1 <= len(suggestions) <= 4
    assert len(set(suggestions)) == len(suggestions)
    assert wanted not in suggestions
    for name in suggestions:
        sites.check_name(name)


@pytest.mark.parametrize("wanted, first", [("Acme Corp.", "acme-corp"), ("acme", "acme-team"), ("--", "our-team")])
def test_the_best_suggestion_is_near(wanted: str, first: str) -> None:
    """A name that was only written wrongly comes back right; one that is taken gets something added."""
    assert sites.suggest_names(wanted)[0] == first


@pytest.mark.parametrize("first, last", [("", "Lee"), ("Ann", " "), ("\u200b", "Lee"), ("Ann", "\u3164\u00ad")])
def test_a_site_needs_names_that_can_be_seen(first: str, last: str) -> None:
    """Its admin's account is made with them."""
    sites.check(sites.NewSite(name="acme", first_name="Ann", last_name="李"))
    with pytest.raises(BadInput, match="first and last name"):
        sites.check(sites.NewSite(name="acme", first_name=first, last_name=last))


ACME = Site(id="1", name="acme", url="https://acme.atlassian.net", admin=True)
ON_A_PATH = Site(id="2", name="other", url="http://127.0.0.1:8080/sites/other/")


@pytest.mark.parametrize(
    "wanted, site",
    [
        ("acme", ACME),
        ("ACME", ACME),
        (" acme.atlassian.net/ ", ACME),
        ("HTTP://Acme.Atlassian.net", ACME),
        ("https://acme.atlassian.net/wiki/spaces/OPS?x=1#top", ACME),
        ("acme.atlassian.net?x=1", ACME),
        ("https://acme.atlassian.net\u200b", ACME),
        ("http://127.0.0.1:8080/sites/other/jira", ON_A_PATH),
        ("https://acme.atlassian.net.evil.example", None),
        ("https://evil.example/acme.atlassian.net", None),
        ("acme/wiki", None),
        ("http://127.0.0.1:8080/sites/others", None),
        ("", None),
    ],
)
def test_a_site_is_found_by_its_name_or_by_the_address_of_any_of_its_pages(wanted: str, site: Site | None) -> None:
    """As it is pasted from a browser; another site's address is never taken for it."""
    assert sites.pick([ACME, ON_A_PATH], wanted) is site
