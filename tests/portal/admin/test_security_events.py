"""What owners and admins do, and what is refused: each is one event in the log, without an address or a token."""

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
    """Return what the portal logs, as it comes."""
    with capture_logs() as logged:
        yield logged


def taken(events: list[Any], office: AdminBrowser) -> list[dict[str, Any]]:
    """Return the portal's events so far, without what is the same in all of them, and begin anew."""
    # The worker of the bench logs in this process too.
    ours = [event for event in events if "client" in event]
    events.clear()
    told = str(ours)
    assert "olga" not in told.casefold()
    assert "@" not in told
    for cookie in office.browser.cookies.jar:
        assert (cookie.value or "-") not in told
    assert {event.pop("client") for event in ours} <= {"127.0.0.1"}
    return ours


async def test_the_way_in_and_out(office: AdminBrowser, events: list[Any]) -> None:
    """Asking, signing in, and out; forged and used links; a session that is over, and one that never was."""
    account = office.bench.account
    await office.ask_for_link()
    assert taken(events, office) == [{"event": "sign_in_link_requested", "log_level": INFO, "who": WHO}]
    link = await office.link()
    await office.post(link)
    assert taken(events, office) == [
        {"event": "signed_in", "log_level": INFO, "who": WHO, "role": "owner", "opsgenie_account": account}
    ]
    cookies = {cookie.name: cookie.value or "" for cookie in office.browser.cookies.jar}
    await office.send("/sign-out")
    assert taken(events, office) == [
        {"event": "signed_out", "log_level": INFO, "who": WHO, "act": "/sign-out", "opsgenie_account": account}
    ]
    for name, value in cookies.items():
        office.browser.cookies.set(name, value, domain="127.0.0.1")
    await office.open("/settings/general")
    assert taken(events, office) == [{"event": "session_refused", "log_level": WARNING, "who": WHO, "reason": "over"}]
    office.browser.cookies.clear()
    office.browser.cookies.set("landbridge-session", "made.up.cookie", domain="127.0.0.1")
    await office.open("/settings/general")
    assert taken(events, office) == [{"event": "session_refused", "log_level": WARNING, "reason": "unknown"}]
    office.browser.cookies.clear()
    await office.post(link)
    await office.post(f"{link}x")
    await office.open(f"{link}x")
    assert taken(events, office) == [
        {"event": "sign_in_link_refused", "log_level": WARNING, "reason": reason}
        for reason in ("dead", "unknown", "unknown")
    ]


async def test_acts_and_what_is_refused(office: AdminBrowser, events: list[Any]) -> None:
    """Each act once, with its path, which names people by numbers; refused acts and forms, and the export."""
    bench = office.bench
    bench.world.opsgenie.add(RosterPerson(email="bo@example.com", name="Bo", email_verified=True))
    await office.sign_in()
    migrate = form(await office.open("/settings/general"), "/settings/general/migrate")
    about = {"who": WHO, "opsgenie_account": bench.account}
    await bench.start()
    await eventually(lambda: bench.step_is(Step.VERIFY))
    taken(events, office)
    await office.send("/settings/general/refresh")
    assert taken(events, office) == [
        {"event": "admin_acted", "log_level": INFO, "act": "/settings/general/refresh", **about}
    ]
    await office.post("/settings/general/confirm", {"csrf": migrate["csrf"]})
    assert taken(events, office) == [
        {"event": "admin_act_refused", "log_level": WARNING, "act": "/settings/general/confirm", **about}
    ]
    await office.browser.post("/settings/general/pause", data={"csrf": "x"}, headers=SAME_ORIGIN)
    await office.browser.post("/settings/general/pause", headers={"Sec-Fetch-Site": "cross-site"})
    assert taken(events, office) == [
        {"event": "form_refused", "log_level": WARNING, "who": WHO, "reason": "csrf_token"},
        {"event": "form_refused", "log_level": WARNING, "reason": "origin"},
    ]
    await office.browser.get("/settings/report.csv")
    assert taken(events, office) == [{"event": "report_exported", "log_level": INFO, **about}]
