from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from bs4 import BeautifulSoup

from tests.emulator.running import Control

EMAIL, SSO_EMAIL = "小林@example.com", "kim@sso.example.com"
CONTINUE_URL = "https://portal.example.com/back?a=1&b=2"


@pytest.fixture(autouse=True)
def people(control: Control) -> None:
    """Load an invited account, an account of an SSO domain, and a deactivated account."""
    control.load(
        ssoDomains=["sso.example.com"],
        accounts=[
            {"email": EMAIL},
            {"email": SSO_EMAIL},
            {"email": "gone@example.com", "accountStatus": "inactive"},
        ],
    )


def press(control: Control, page: httpx2.Response, **typed: str) -> httpx2.Response:
    """Submit the page's only form, as a browser does."""
    form = BeautifulSoup(page.text, "html.parser").form
    assert form is not None
    assert len(form.find_all("button")) == 1
    fields = {str(field["name"]): str(field.get("value", "")) for field in form.find_all("input")}
    return control.http.post(str(form["action"]), data={**fields, **typed}, follow_redirects=True)


def link(page: httpx2.Response) -> str | None:
    """Return the URL of the page's continue button."""
    anchor = BeautifulSoup(page.text, "html.parser").find("a", class_="button")
    return str(anchor["href"]) if anchor else None


def test_a_password_sets_up_the_account(control: Control) -> None:
    """Opening the page changes nothing. After the password is set, the page links to the continue URL."""
    page = control.http.get("/signup", params={"email": EMAIL, "continue": CONTINUE_URL})
    assert control.account(EMAIL)["email_verified"] == 0
    done = press(control, page, password="long enough")  # noqa: S106 - typed into a form
    assert (done.status_code, link(done)) == (200, CONTINUE_URL)
    assert control.account(EMAIL)["email_verified"] == 1
    assert "long enough" not in str(control.state())


def test_a_punycode_domain_finds_the_invited_account(control: Control) -> None:
    """The invited account is set up; no second account is created."""
    control.load(accounts=[{"email": "marie@bücher.example"}])
    press(control, control.http.get("/signup"), email="marie@xn--bcher-kva.example", password="long enough")  # noqa: S106 - typed into a form
    assert control.account("marie@bücher.example")["email_verified"] == 1
    assert len([row for row in control.state()["accounts"] if str(row["email"]).startswith("marie@")]) == 1


def test_a_short_password_is_rejected(control: Control) -> None:
    """The form is shown again and names the minimum length."""
    page = control.http.get("/signup", params={"email": EMAIL, "continue": CONTINUE_URL})
    again = press(control, page, password="seven77")  # noqa: S106 - typed into a form
    assert again.status_code == 422
    assert "at least 8 characters" in again.text
    assert control.account(EMAIL)["email_verified"] == 0
    assert link(press(control, again, password="long enough")) == CONTINUE_URL  # noqa: S106 - typed into a form


def test_setting_up_twice_is_not_an_error(control: Control) -> None:
    """The page says that the account is set up, and links to the continue URL."""
    page = control.http.get("/signup", params={"email": EMAIL, "continue": CONTINUE_URL})
    for _ in range(2):
        assert press(control, page, password="long enough").status_code == 200  # noqa: S106 - typed into a form
    again = control.http.get("/signup", params={"email": EMAIL, "continue": CONTINUE_URL})
    assert "already set up" in again.text
    assert link(again) == CONTINUE_URL


def test_sign_up_needs_no_invitation(control: Control) -> None:
    """Atlassian behaves the same way. The email address is required."""
    page = control.http.get("/signup")
    assert press(control, page, password="long enough").status_code == 422  # noqa: S106 - typed into a form
    press(control, page, email="new@example.com", name="New", password="long enough")  # noqa: S106 - typed into a form
    account = control.account("new@example.com")
    assert (account["name"], account["email_verified"]) == ("New", 1)


def test_sso_addresses_sign_in_without_a_password(control: Control) -> None:
    """Both `/login` and `/signup` show the single sign-on button."""
    for path in ("/login", "/signup"):
        page = control.http.get(path, params={"email": SSO_EMAIL, "continue": CONTINUE_URL}, follow_redirects=True)
        assert 'type="password"' not in page.text
        assert "Continue with single sign-on" in page.text
    control.http.post("/signup", data={"email": SSO_EMAIL, "password": "long enough"})
    assert control.account(SSO_EMAIL)["email_verified"] == 0
    done = press(control, page)
    assert link(done) == CONTINUE_URL
    assert control.account(SSO_EMAIL)["email_verified"] == 1


def test_other_addresses_cannot_use_single_sign_on(control: Control) -> None:
    """`/login` redirects them to `/signup`."""
    for method in ("GET", "POST"):
        answer = control.http.request(method, "/login", params={"email": EMAIL, "continue": CONTINUE_URL})
        assert answer.status_code == 303
        there = urlsplit(answer.headers["Location"])
        assert (there.path, parse_qs(there.query)["email"]) == ("/signup", [EMAIL])
    assert control.account(EMAIL)["email_verified"] == 0


def test_a_deactivated_account_cannot_be_set_up(control: Control) -> None:
    """The form is answered with 403."""
    fields = {"email": "gone@example.com", "password": "long enough"}
    assert control.http.post("/signup", data=fields).status_code == 403
    assert control.account("gone@example.com")["email_verified"] == 0


@pytest.mark.parametrize("continue_url", ["javascript:alert(1)", "//evil.example", "/local", "data:text/html,x", ""])
def test_the_continue_link_must_be_an_absolute_http_url(control: Control, continue_url: str) -> None:
    """Scripts, data URLs and relative URLs are dropped."""
    page = control.http.get("/signup", params={"email": EMAIL, "continue": continue_url})
    done = press(control, page, password="long enough")  # noqa: S106 - typed into a form
    assert link(done) is None
    assert "javascript" not in done.text


def test_parameters_are_escaped(control: Control) -> None:
    """Address, name and continue URL cannot inject HTML."""
    attack = '"><script>alert(1)</script>@example.com'
    continue_url = 'https://x.example/"><script>'
    for path in ("/signup", "/login"):
        page = control.http.get(
            path, params={"email": attack, "name": attack, "continue": continue_url}, follow_redirects=True
        )
        assert "<script" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_the_page_creates_a_site(control: Control) -> None:
    """Invalid and used names are rejected."""
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
