"""What each email says: from an order to the values of its templates. No network here."""

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
"""Marks that no template holds; letters that neither HTML nor a catalogue changes."""
_MARK = re.compile(f"{_NAME}|{_URL}")
_ENGLISH = "en"
_PAGES = {
    NoticeKind.ADMIN_TASK: "general",
    NoticeKind.DEADLINE_PASSED: "report",
    NoticeKind.MIGRATION_COMPLETE: "report",
    NoticeKind.MIGRATION_CANCELLED: "general",
}
"""Where a notice leads to in the portal."""
_NO_NEXT_STEP = frozenset({State.CONNECTED, State.EXCLUDED})
"""States in which there is nothing left to do for a person."""
_MADE_IT = frozenset({State.CONNECTED, State.SKIPPED, State.EXCLUDED})
"""States that nobody has to follow up."""


def person_mail(context: MailContext, order: OutgoingMail, links: LinkSigner) -> Rendered:
    """Write a person's mail, with their link in it."""
    claims = LinkClaims(
        cohort_id=context.cohort_id,
        run=context.run,
        person=order.person,
        purpose=order.purpose,
        generation=order.generation,
    )
    url = links.url(claims)
    name = emails.plain(order.name[:MAX_NAME_LENGTH])
    amount, unit = _in_words(context.rules.link_lifetime(order.purpose))
    form = _form(
        str(order.purpose),
        i18n.negotiate(order.locale).tag,
        has_name=bool(name),
        opsgenie_account=context.opsgenie_account,
        site_url=_web(context.site.url),
        initiator=context.initiator,
        link_host=_host(url),
        link_amount=amount,
        link_unit=unit,
        sso=order.sso and order.purpose is Purpose.AUTHENTICATION,
        reminder=order.reminder,
    )
    return replace(
        form,
        text=_filled_in(form.text, name, url),
        html=_filled_in(form.html, html.escape(name), html.escape(url)),
    )


@lru_cache(maxsize=256)
def _form(folder: str, tag: str, *, has_name: bool, **values: str | int) -> Rendered:
    """Write what the mails of one kind share, with marks where name and link stand.

    Templates cost most of a millisecond for each mail; a slice's mails differ in these two alone.
    """
    marks = {"name": _NAME if has_name else "", "url": _URL}
    return emails.render(folder, {**marks, **values}, i18n.negotiate(tag))


def _filled_in(words: str, name: str, url: str) -> str:
    # In one go, so that a name that reads like a mark stays a name.
    return _MARK.sub(lambda mark: name if mark[0] == _NAME else url, words)


def notice_mail(order: OutgoingNotice, links: LinkSigner) -> Rendered:
    """Write an owner's or admin's notice. It holds no link that acts for its reader."""
    notice, counts = order.notice, order.notice.counts
    language = i18n.negotiate(order.recipient.locale)
    task, task_url = language.render(notice.task), _web(notice.url)
    page_url = links.settings_url(_PAGES[notice.kind])
    return emails.render(
        str(notice.kind),
        {
            "name": order.recipient.name[:MAX_NAME_LENGTH],
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
            "people_missing": sum(people for state, people in counts.by_state.items() if state not in _MADE_IT),
        },
        language,
    )


def sign_in_mail(order: SignInMail, links: LinkSigner) -> Rendered:
    """Write the mail with a sign-in link in it."""
    url = links.sign_in_url(order.claims)
    amount, unit = _in_words(LINK_LIFETIME)
    return emails.render(
        "sign_in",
        {
            "name": order.recipient.name[:MAX_NAME_LENGTH],
            "opsgenie_account": order.recipient.opsgenie_account,
            "url": url,
            "link_host": _host(url),
            "link_amount": amount,
            "link_unit": unit,
        },
        i18n.negotiate(order.recipient.locale),
    )


def _rows(counts: Counts, language: Language) -> list[dict[str, str | int]]:
    """Return a line for each state that someone is in: those who made it, then the rest and what to do for them."""
    states = sorted((state for state in State if counts[state]), key=lambda state: state is not State.CONNECTED)
    return [
        {
            "state": language.render(STATE_TITLES[state]),
            "people": counts[state],
            "next_step": "" if state in _NO_NEXT_STEP else language.render(NEXT_STEP[state]),
        }
        for state in states
    ]


def _in_words(lifetime: timedelta) -> tuple[int, str]:
    """Return a lifetime in the largest unit that does not make it longer than it is; at least a minute."""
    minutes = max(1, int(lifetime.total_seconds() // 60))
    if minutes >= 2 * 24 * 60:
        return minutes // (24 * 60), "days"
    if minutes >= 2 * 60:
        return minutes // 60, "hours"
    return minutes, "minutes"


def _web(url: str) -> str:
    """Return a web address that may be linked to; empty for anything else, such as a script."""
    return url if urlsplit(url).scheme in {"http", "https"} else ""


def _host(url: str) -> str:
    """Return where a link leads, as a person should check it: the host in its ASCII form and a port, no login."""
    parts = urlsplit(url)
    return f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
