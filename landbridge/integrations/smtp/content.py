"""Render each email: compute the values of its templates. No IO except reading templates."""

import html
import re
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from landbridge import emails, i18n
from landbridge.domain.activity_io import MailContext, NoticeKind, OutgoingMail, OutgoingNotice
from landbridge.domain.links import LinkClaims, Purpose
from landbridge.domain.people import NEXT_STEP, STATE_TITLES, Counts, State
from landbridge.domain.ports import LinkSigner
from landbridge.domain.sign_in import LINK_LIFETIME, SignInMail
from landbridge.emails import Rendered
from landbridge.i18n import Language

MAX_NAME_LENGTH = 80
"""Characters of a name that a greeting shows; Opsgenie allows 512."""
_NAME, _URL = "the-name-e5b1c0", "the-link-e5b1c0"
"""Placeholders that occur in no template, and that neither HTML nor a translation changes."""
_PLACEHOLDER = re.compile(f"{_NAME}|{_URL}")
_ENGLISH = "en"
_PAGES = {
    NoticeKind.ADMIN_TASK: "general",
    NoticeKind.DEADLINE_PASSED: "report",
    NoticeKind.MIGRATION_COMPLETE: "report",
    NoticeKind.MIGRATION_CANCELLED: "general",
}
"""The portal page that a notice links to."""
_NO_NEXT_STEP = frozenset({State.CONNECTED, State.EXCLUDED})
"""States in which nothing is left to do for a person."""
_FINISHED = frozenset({State.CONNECTED, State.SKIPPED, State.EXCLUDED})
"""States that need no follow-up."""


def person_mail(context: MailContext, mail: OutgoingMail, links: LinkSigner) -> Rendered:
    """Render a person's mail, with their link."""
    claims = LinkClaims(
        cohort_id=context.cohort_id,
        run=context.run,
        person=mail.person,
        purpose=mail.purpose,
        generation=mail.generation,
    )
    url = links.url(claims)
    name = emails.plain(mail.name[:MAX_NAME_LENGTH])
    amount, unit = _rounded(context.rules.link_lifetime(mail.purpose))
    shared = _shared_part(
        str(mail.purpose),
        i18n.negotiate(mail.locale).tag,
        has_name=bool(name),
        opsgenie_account=context.opsgenie_account,
        site_url=_web(context.site.url),
        initiator=context.initiator,
        link_host=_host(url),
        link_amount=amount,
        link_unit=unit,
        sso=mail.sso and mail.purpose is Purpose.AUTHENTICATION,
        reminder=mail.reminder,
    )
    return replace(
        shared,
        text=_filled_in(shared.text, name, url),
        html=_filled_in(shared.html, html.escape(name), html.escape(url)),
    )


@lru_cache(maxsize=256)
def _shared_part(folder: str, tag: str, *, has_name: bool, **values: str | int) -> Rendered:
    """Render the part that all mails of one kind share, with placeholders for name and link.

    Rendering templates takes most of a millisecond, and the mails of a batch differ only in name and link.
    """
    placeholders = {"name": _NAME if has_name else "", "url": _URL}
    return emails.render(folder, {**placeholders, **values}, i18n.negotiate(tag))


def _filled_in(text: str, name: str, url: str) -> str:
    # A single pass, so that a placeholder inside a name is not replaced.
    return _PLACEHOLDER.sub(lambda found: name if found[0] == _NAME else url, text)


def notice_mail(outgoing: OutgoingNotice, links: LinkSigner) -> Rendered:
    """Render a notice to an owner or admin. Its links contain no token."""
    notice, counts = outgoing.notice, outgoing.notice.counts
    language = i18n.negotiate(outgoing.recipient.locale)
    task, task_url = language.render(notice.task), _web(notice.url)
    page_url = links.settings_url(_PAGES[notice.kind])
    return emails.render(
        str(notice.kind),
        {
            "name": outgoing.recipient.name[:MAX_NAME_LENGTH],
            "opsgenie_account": notice.opsgenie_account,
            "site_url": _web(notice.site.url) if notice.site else "",
            "task": task,
            "task_language": language.tag if task != notice.task else _ENGLISH,
            "task_url": task_url,
            "page_url": page_url,
            "link_host": _host(page_url),
            "task_host": _host(task_url),
            "command": notice.command,
            "at": language.moment(notice.at) if notice.at else "",
            "reason": language.render(notice.reason),
            "rows": _rows(counts, language),
            "people_total": counts.total,
            "people_connected": counts[State.CONNECTED],
            "people_waiting": counts.waiting,
            "people_missing": sum(people for state, people in counts.by_state.items() if state not in _FINISHED),
        },
        language,
    )


def sign_in_mail(mail: SignInMail, links: LinkSigner) -> Rendered:
    """Render the mail with a sign-in link."""
    url = links.sign_in_url(mail.claims)
    amount, unit = _rounded(LINK_LIFETIME)
    return emails.render(
        "sign_in",
        {
            "name": mail.recipient.name[:MAX_NAME_LENGTH],
            "opsgenie_account": mail.recipient.opsgenie_account,
            "url": url,
            "link_host": _host(url),
            "link_amount": amount,
            "link_unit": unit,
        },
        i18n.negotiate(mail.recipient.locale),
    )


def _rows(counts: Counts, language: Language) -> list[dict[str, str | int]]:
    """Return a row for each state that has people: first the connected people, then the others with the next step."""
    states = sorted((state for state in State if counts[state]), key=lambda state: state is not State.CONNECTED)
    return [
        {
            "state": language.render(STATE_TITLES[state]),
            "people": counts[state],
            "next_step": "" if state in _NO_NEXT_STEP else language.render(NEXT_STEP[state]),
        }
        for state in states
    ]


def _rounded(lifetime: timedelta) -> tuple[int, str]:
    """Return a lifetime, rounded down, in the largest suitable unit; at least a minute."""
    minutes = max(1, int(lifetime.total_seconds() // 60))
    if minutes >= 2 * 24 * 60:
        return minutes // (24 * 60), "days"
    if minutes >= 2 * 60:
        return minutes // 60, "hours"
    return minutes, "minutes"


def _web(url: str) -> str:
    """Return the URL if it is a web address that may be linked to; otherwise, such as for a script, an empty string."""
    return url if urlsplit(url).scheme in {"http", "https"} else ""


def _host(url: str) -> str:
    """Return the host of a link, so that people can check it: in ASCII form, with the port, without a login."""
    parts = urlsplit(url)
    return f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
