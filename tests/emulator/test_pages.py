from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from bs4 import BeautifulSoup

from tests.emulator.running import Control

EMAIL, SSO_EMAIL = "小林@example.com", "kim@sso.example.com"
ONWARD = "https://portal.example.com/back?a=1&b=2"


@pytest.fixture(autouse=True)
def people(control: Control) -> None:
    """Someone who was invited, someone of an SSO domain, someone whose account is deactivated."""
    control.load(
        ssoDomains=["sso.example.com"],
        accounts=[
            {"email": EMAIL},
            {"email": SSO_EMAIL},
            {"email": "gone@example.com", "accountStatus": "inactive"},
        ],
    )


def press(control: Control, page: httpx2.Response, **typed: str) -> httpx2.Response:
    """Do what a browser does when the page's one button is pressed."""
    form = BeautifulSoup(page.text, "html.parser").form
    assert form is not None
    assert len(form.find_all("button")) == 1
    fields = {str(field["name"]): str(field.get("value", "")) for field in form.find_all("input")}
    return control.http.post(str(form["action"]), data={**fields, **typed}, follow_redirects=True)


def link(page: httpx2.Response) -> str | None:
    """Return where the page leads on to."""
    anchor = BeautifulSoup(page.text, "html.parser").find("a", class_="button")
    return str(anchor["href"]) if anchor else None


def test_a_password_sets_up_the_account_and_leads_on(control: Control) -> None:
    """Opening the page changes nothing; the password does; then there is a link back."""
    page = control.http.get("/signup", params={"email": EMAIL, "continue": ONWARD})
    assert control.account(EMAIL)["email_verified"] == 0
    done = press(control, page, password="long enough")  # noqa: S106 - typed into a form
    assert (done.status_code, link(done)) == (200, ONWARD)
    assert control.account(EMAIL)["email_verified"] == 1
    assert "long enough" not in str(control.state())


def test_a_domain_may_be_typed_as_dns_has_it(control: Control) -> None:
    """The account that was invited is set up, and no second one comes to be."""
    control.load(accounts=[{"email": "marie@bücher.example"}])
    press(control, control.http.get("/signup"), email="marie@xn--bcher-kva.example", password="long enough")  # noqa: S106 - typed into a form
    assert control.account("marie@bücher.example")["email_verified"] == 1
    assert len([row for row in control.state()["accounts"] if str(row["email"]).startswith("marie@")]) == 1


def test_a_short_password_is_refused_kindly(control: Control) -> None:
    """Seven characters are too few, the sentence says so, and the form is there again."""
    page = control.http.get("/signup", params={"email": EMAIL, "continue": ONWARD})
    again = press(control, page, password="seven77")  # noqa: S106 - typed into a form
    assert again.status_code == 422
    assert "at least 8 characters" in again.text
    assert control.account(EMAIL)["email_verified"] == 0
    assert link(press(control, again, password="long enough")) == ONWARD  # noqa: S106 - typed into a form


def test_setting_up_twice_is_friendly(control: Control) -> None:
    """Whoever comes again is told that all is set, and led on."""
    page = control.http.get("/signup", params={"email": EMAIL, "continue": ONWARD})
    for _ in range(2):
        assert press(control, page, password="long enough").status_code == 200  # noqa: S106 - typed into a form
    again = control.http.get("/signup", params={"email": EMAIL, "continue": ONWARD})
    assert "all set already" in again.text
    assert link(again) == ONWARD


def test_someone_who_was_never_invited_may_sign_up(control: Control) -> None:
    """As in reality; a person without any address is asked for one."""
    page = control.http.get("/signup")
    assert press(control, page, password="long enough").status_code == 422  # noqa: S106 - typed into a form
    press(control, page, email="new@example.com", name="New", password="long enough")  # noqa: S106 - typed into a form
    account = control.account("new@example.com")
    assert (account["name"], account["email_verified"]) == ("New", 1)


def test_people_of_an_sso_domain_are_never_asked_for_a_password(control: Control) -> None:
    """One button, wherever they land."""
    for path in ("/login", "/signup"):
        page = control.http.get(path, params={"email": SSO_EMAIL, "continue": ONWARD}, follow_redirects=True)
        assert 'type="password"' not in page.text
        assert "Continue with single sign-on" in page.text
    control.http.post("/signup", data={"email": SSO_EMAIL, "password": "long enough"})
    assert control.account(SSO_EMAIL)["email_verified"] == 0
    done = press(control, page)
    assert link(done) == ONWARD
    assert control.account(SSO_EMAIL)["email_verified"] == 1


def test_others_cannot_log_in_without_a_password(control: Control) -> None:
    """The button is for SSO domains only."""
    for method in ("GET", "POST"):
        answer = control.http.request(method, "/login", params={"email": EMAIL, "continue": ONWARD})
        assert answer.status_code == 303
        there = urlsplit(answer.headers["Location"])
        assert (there.path, parse_qs(there.query)["email"]) == ("/signup", [EMAIL])
    assert control.account(EMAIL)["email_verified"] == 0


def test_a_deactivated_account_cannot_be_set_up(control: Control) -> None:
    """Only its organization can reactivate it."""
    fields = {"email": "gone@example.com", "password": "long enough"}
    assert control.http.post("/signup", data=fields).status_code == 403
    assert control.account("gone@example.com")["email_verified"] == 0


@pytest.mark.parametrize("onward", ["javascript:alert(1)", "//evil.example", "/local", "data:text/html,x", ""])
def test_only_web_addresses_are_led_on_to(control: Control, onward: str) -> None:
    """Nothing that runs in the page, and nothing half."""
    page = control.http.get("/signup", params={"email": EMAIL, "continue": onward})
    done = press(control, page, password="long enough")  # noqa: S106 - typed into a form
    assert link(done) is None
    assert "javascript" not in done.text


def test_what_comes_from_outside_is_escaped(control: Control) -> None:
    """Neither the address nor the name nor the link can add to the page."""
    attack = '"><script>alert(1)</script>@example.com'
    onward = 'https://x.example/"><script>'
    for path in ("/signup", "/login"):
        page = control.http.get(
            path, params={"email": attack, "name": attack, "continue": onward}, follow_redirects=True
        )
        assert "<script" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_a_site_is_created_by_hand(control: Control) -> None:
    """Its creator is site admin of it; a name that is taken or breaks the rules is asked for again."""
    page = control.http.get("/create-site", params={"email": EMAIL})
    assert control.state()["sites"] == []
    assert press(control, page, site="-bad-").status_code == 422
    assert press(control, page, site="ours", email="nobody@example.com").status_code == 404
    assert press(control, page, site="ours").status_code == 200
    (site,) = control.state()["sites"]
    assert (site["name"], site["created_by"]) == ("ours", control.account(EMAIL)["id"])
    again = press(control, page, site="ours")
    assert (again.status_code, "ours-team" in again.text) == (409, True)
    assert control.http.get("/sites/ours/_edge/tenant_info").json() == {"cloudId": site["id"]}
    assert control.http.get("/sites/theirs/_edge/tenant_info").status_code == 404
