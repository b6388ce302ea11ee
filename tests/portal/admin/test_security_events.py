"""Requests of owners and admins, accepted or refused, are logged once, without addresses and tokens."""

from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from landbridge.domain import sign_in
from landbridge.domain.messages import Step
from landbridge.domain.roster import RosterPerson
from tests.portal.admin.admin_browser import SAME_ORIGIN, AdminBrowser, form
from tests.portal.conftest import KEY
from tests.workflows.harness import OWNER_EMAIL, eventually

WHO = sign_in.digest(OWNER_EMAIL, KEY)
INFO, WARNING = "info", "warning"


@pytest.fixture
def events() -> Iterator[list[Any]]:
    """The portal's log events, in the order in which they are written."""
    with capture_logs() as logged:
        yield logged


def taken(events: list[Any], admin_browser: AdminBrowser) -> list[dict[str, Any]]:
    """Return the events so far, without their common fields, and clear them."""
    # The harness's worker logs in this process too, so its events are filtered out.
    portal_events = [event for event in events if "client" in event]
    events.clear()
    logged = str(portal_events)
    assert "olga" not in logged.casefold()
    assert "@" not in logged
    for cookie in admin_browser.browser.cookies.jar:
        assert (cookie.value or "-") not in logged
    assert {event.pop("client") for event in portal_events} <= {"127.0.0.1"}
    return portal_events


async def test_sign_ins_and_sign_outs_are_logged(admin_browser: AdminBrowser, events: list[Any]) -> None:
    """Link requests, sign-ins, sign-outs, forged links, used links, and ended and unknown sessions are all logged."""
    account = admin_browser.harness.account
    await admin_browser.ask_for_link()
    assert taken(events, admin_browser) == [{"event": "sign_in_link_requested", "log_level": INFO, "who": WHO}]
    link = await admin_browser.link()
    await admin_browser.post(link)
    assert taken(events, admin_browser) == [
        {"event": "signed_in", "log_level": INFO, "who": WHO, "role": "owner", "opsgenie_account": account}
    ]
    cookies = {cookie.name: cookie.value or "" for cookie in admin_browser.browser.cookies.jar}
    await admin_browser.send("/sign-out")
    assert taken(events, admin_browser) == [
        {"event": "signed_out", "log_level": INFO, "who": WHO, "act": "/sign-out", "opsgenie_account": account}
    ]
    for name, value in cookies.items():
        admin_browser.browser.cookies.set(name, value, domain="127.0.0.1")
    await admin_browser.open("/settings/general")
    assert taken(events, admin_browser) == [
        {"event": "session_refused", "log_level": WARNING, "who": WHO, "reason": "over"}
    ]
    admin_browser.browser.cookies.clear()
    admin_browser.browser.cookies.set("landbridge-session", "made.up.cookie", domain="127.0.0.1")
    await admin_browser.open("/settings/general")
    assert taken(events, admin_browser) == [{"event": "session_refused", "log_level": WARNING, "reason": "unknown"}]
    admin_browser.browser.cookies.clear()
    await admin_browser.post(link)
    await admin_browser.post(f"{link}x")
    await admin_browser.open(f"{link}x")
    assert taken(events, admin_browser) == [
        {"event": "sign_in_link_refused", "log_level": WARNING, "reason": reason}
        for reason in ("dead", "unknown", "unknown")
    ]


async def test_forms_and_refusals_are_logged(admin_browser: AdminBrowser, events: list[Any]) -> None:
    """Each form is logged with its path, which contains only numbers. Refused forms and the export are logged too."""
    harness = admin_browser.harness
    harness.world.opsgenie.add(RosterPerson(email="bo@example.com", name="Bo", email_verified=True))
    await admin_browser.sign_in()
    migrate = form(await admin_browser.open("/settings/general"), "/settings/general/migrate")
    about = {"who": WHO, "opsgenie_account": harness.account}
    await harness.start()
    await eventually(lambda: harness.step_is(Step.VERIFY))
    taken(events, admin_browser)
    await admin_browser.send("/settings/general/refresh")
    assert taken(events, admin_browser) == [
        {"event": "admin_acted", "log_level": INFO, "act": "/settings/general/refresh", **about}
    ]
    await admin_browser.post("/settings/general/confirm", {"csrf": migrate["csrf"]})
    assert taken(events, admin_browser) == [
        {"event": "admin_act_refused", "log_level": WARNING, "act": "/settings/general/confirm", **about}
    ]
    await admin_browser.browser.post("/settings/general/pause", data={"csrf": "x"}, headers=SAME_ORIGIN)
    await admin_browser.browser.post("/settings/general/pause", headers={"Sec-Fetch-Site": "cross-site"})
    assert taken(events, admin_browser) == [
        {"event": "form_refused", "log_level": WARNING, "who": WHO, "reason": "csrf_token"},
        {"event": "form_refused", "log_level": WARNING, "reason": "origin"},
    ]
    await admin_browser.browser.get("/settings/report.csv")
    assert taken(events, admin_browser) == [{"event": "report_exported", "log_level": INFO, **about}]
