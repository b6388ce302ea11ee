"""What each email says: from an order to the values of its templates. No network here."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import emails
from domain.links import LinkClaims, Purpose
from domain.orders import MailContext, MailOrder, Notice, NoticeOrder
from domain.people import NEXT_STEP, Counts, State
from domain.ports import LinkMint
from emails import Rendered

LONGEST_NAME = 80
"""Characters of a name that a greeting shows; Opsgenie allows 512."""
_NOTHING = "Nothing."
_MADE_IT = frozenset({State.CONNECTED, State.SKIPPED, State.EXCLUDED})
"""States that nobody has to follow up."""


def person_mail(context: MailContext, order: MailOrder, links: LinkMint) -> Rendered:
    """Write a person's mail, with their link in it."""
    claims = LinkClaims(
        cohort_id=context.cohort_id, person=order.person, purpose=order.purpose, generation=order.generation
    )
    url = links.url(claims)
    amount, unit = _in_words(context.rules.link_lifetime(order.purpose))
    return emails.render(
        str(order.purpose),
        {
            "name": order.name[:LONGEST_NAME],
            "opsgenie_account": context.opsgenie_account,
            "site_url": _web(context.site.url),
            "initiator": context.initiator,
            "url": url,
            "link_host": _host(url),
            "link_amount": amount,
            "link_unit": unit,
            "sso": order.sso and order.purpose is Purpose.AUTHENTICATION,
            "reminder": order.reminder,
        },
    )


def notice_mail(order: NoticeOrder) -> Rendered:
    """Write an owner's or admin's notice. It holds no link that acts for its reader."""
    notice, counts = order.notice, order.notice.counts
    return emails.render(
        str(notice.kind),
        {
            "name": order.recipient.name[:LONGEST_NAME],
            "opsgenie_account": notice.opsgenie_account,
            "site_url": _web(notice.site.url) if notice.site else "",
            "task": notice.task,
            "url": _web(notice.url),
            "link_host": _host(_web(notice.url)),
            "command": notice.command,
            "at": _moment(notice),
            "rows": _rows(counts),
            "people_total": counts.total,
            "people_connected": counts[State.CONNECTED],
            "people_waiting": counts.waiting,
            "people_missing": sum(people for state, people in counts.by_state.items() if state not in _MADE_IT),
        },
    )


def _rows(counts: Counts) -> list[dict[str, str | int]]:
    """Return a line for each state that someone is in: those who made it, then the rest and what to do for them."""
    states = sorted((state for state in State if counts[state]), key=lambda state: state is not State.CONNECTED)
    return [
        {
            "state": state.replace("_", " ").capitalize(),
            "people": counts[state],
            "next_step": "" if NEXT_STEP[state] == _NOTHING else NEXT_STEP[state],
        }
        for state in states
    ]


def _moment(notice: Notice) -> str:
    if notice.at is None:
        return ""
    at: datetime = notice.at.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


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
