"""Site names: which names step 4 of the guide accepts, and the suggestions for others."""

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
    """A valid name has 3 to 63 characters of a-z, 0-9 and hyphens, with hyphens only in the middle."""
    valid = 3 <= len(name) <= 63 and set(name) <= set(ALLOWED) and name[0] != "-" and name[-1] != "-"
    if valid:
        sites.check_name(name)
    else:
        with pytest.raises(BadInput):
            sites.check_name(name)


@given(NEAR_NAMES)
def test_every_suggestion_is_a_valid_other_name(wanted: str) -> None:
    """For any name there are one to four suggestions, all valid and different."""
    suggestions = sites.suggest_names(wanted)
    assert 1 <= len(suggestions) <= 4
    assert len(set(suggestions)) == len(suggestions)
    assert wanted not in suggestions
    for name in suggestions:
        sites.check_name(name)


@pytest.mark.parametrize("wanted, first", [("Acme Corp.", "acme-corp"), ("acme", "acme-team"), ("--", "our-team")])
def test_the_best_suggestion_is_near(wanted: str, first: str) -> None:
    """An invalid spelling is corrected; a taken name gets a suffix."""
    assert sites.suggest_names(wanted)[0] == first


@pytest.mark.parametrize("first, last", [("", "Lee"), ("Ann", " "), ("\u200b", "Lee"), ("Ann", "\u3164\u00ad")])
def test_a_site_needs_names_that_can_be_seen(first: str, last: str) -> None:
    """The Atlassian account of the site's admin is created with these names."""
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
    """Addresses may be pasted from a browser; the address of another site never matches."""
    assert sites.pick([ACME, ON_A_PATH], wanted) is site
