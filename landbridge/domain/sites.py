"""Atlassian sites and the rules for their names."""

import re
from collections.abc import Sequence

from landbridge.domain import names, pasted
from landbridge.domain.base import Model
from landbridge.domain.errors import BadInput
from landbridge.domain.text import Text, joined, text

MIN_LENGTH, MAX_LENGTH = 3, 63
"""Minimum and maximum characters of a site name: Atlassian requires 3, a DNS label has at most 63."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*[a-z0-9]")


class Site(Model):
    """An Atlassian site that is linked to the initiator's email."""

    id: str
    """Atlassian's cloud id."""
    name: str
    """The first label of its URL: `acme` in https://acme.atlassian.net."""
    url: str
    admin: bool = False
    """Whether the initiator is a site admin of the site, which is required to select it (the guide, step 2)."""


class NewSite(Model):
    """A site to create: the input of the guide's step 4."""

    name: str
    """The site name; see `check_name`. Only Atlassian knows whether the name is free."""
    first_name: str
    last_name: str


def check_name(name: str) -> None:
    """Check a site name by the rules that need no network access.

    Raises:
        BadInput: names the rule that it breaks.

    """
    if not MIN_LENGTH <= len(name) <= MAX_LENGTH:
        raise BadInput(
            text(
                "A site name must have {min_length} to {max_length} characters; {name} has {length}.",
                min_length=MIN_LENGTH,
                max_length=MAX_LENGTH,
                name=repr(name),
                length=len(name),
            )
        )
    if not _NAME.fullmatch(name):
        raise BadInput(
            text(
                "A site name may contain only lowercase letters a-z, digits, and hyphens except at the "
                "start and end; {name} does not match.",
                name=repr(name),
            )
        )


def check(site: NewSite) -> None:
    """Check the input of the guide's step 4.

    Raises:
        BadInput: names the rule that it breaks.

    """
    check_name(site.name)
    if not (names.is_visible(site.first_name) and names.is_visible(site.last_name)):
        raise BadInput(text("A new site needs the first and last name of its admin."))


def suggest_names(wanted: str) -> list[str]:
    """Return up to four valid similar names, best first. Only Atlassian knows whether they are free."""
    stem = re.sub(r"[^a-z0-9]+", "-", wanted.casefold()).strip("-")[: MAX_LENGTH - 6].strip("-") or "our-team"
    candidates = [stem, f"{stem}-team", f"{stem}-ops", f"{stem}-hq", f"{stem}-2"]
    return [name for name in candidates if name != wanted and len(name) >= MIN_LENGTH][:4]


def pick(listed: Sequence[Site], wanted: str) -> Site | None:
    """Return the listed site with this name or URL; the URL may be that of any page of the site."""
    plain = _without_scheme(pasted.trimmed(wanted))
    return next((s for s in listed if plain == s.name or _is_page_of(plain, _without_scheme(s.url))), None)


def _without_scheme(url: str) -> str:
    return re.sub(r"^https?://", "", url.casefold()).rstrip("/")


def _is_page_of(page: str, site: str) -> bool:
    """Return whether the URL of a page belongs to a site."""
    return page == site or page.startswith((f"{site}/", f"{site}?", f"{site}#"))


def denial_reason(wanted: str, site: Site | None, listed: Sequence[Site]) -> Text:
    """Return why a site that was picked, or not found, cannot be selected, as a sentence."""
    free = ", ".join(s.name for s in listed if s.admin)
    why = (
        text("No site {wanted} is linked to the initiator's email.", wanted=repr(wanted))
        if site is None
        else text("The initiator is not a site admin of {name}.", name=site.name)
    )
    alternatives = (
        text("Sites to choose from: {free}.", free=free)
        if free
        else text("There is no site to choose from. Name a new one.")
    )
    return joined(why, alternatives)
