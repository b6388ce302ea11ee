"""Pages for people: set up an Atlassian account with a password or single sign-on, and create a site.

Atlassian verifies the address with a mail; the emulator trusts everyone who opens the page. The password's length is
checked, and the password is not stored. A new site belongs to the organization that the account is a member of.
"""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, PackageLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dev.emulator import accounts, sites
from dev.emulator import store as stores
from dev.emulator.store import Store

MIN_PASSWORD_LENGTH = 8
"""Characters."""
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
_templates = Environment(loader=PackageLoader("dev.emulator"), autoescape=True, trim_blocks=True, lstrip_blocks=True)


async def sign_up(request: Request) -> Response:
    """Serve `/signup?email=&continue=`: the password form for a new or an invited account."""
    store = stores.of(request)
    fields = await _fields(request)
    email = fields["email"]
    if email and accounts.signs_in_by_sso(store, email):
        return RedirectResponse(f"/login?{urlencode(fields)}", status_code=303)
    if (response := _finished(store, fields)) is not None:
        return response
    if request.method != "POST":
        return _page("signup.html", fields)
    if not _is_address(email):
        return _page("signup.html", fields, status=422, problem="Enter your email address.")
    if len(str((await request.form()).get("password", ""))) < MIN_PASSWORD_LENGTH:
        problem = f"The password needs at least {MIN_PASSWORD_LENGTH} characters."
        return _page("signup.html", fields, status=422, problem=problem)
    return _set_up(store, fields, origin="sign-up")


async def log_in(request: Request) -> Response:
    """Serve `/login?email=&continue=`: one button for addresses of SSO domains; redirect others to `/signup`."""
    store = stores.of(request)
    fields = await _fields(request)
    if not accounts.signs_in_by_sso(store, fields["email"]):
        return RedirectResponse(f"/signup?{urlencode(fields)}", status_code=303)
    if (response := _finished(store, fields)) is not None:
        return response
    if request.method != "POST":
        return _page("login.html", fields)
    return _set_up(store, fields, origin="single sign-on")


async def create_site(request: Request) -> Response:
    """Serve `/create-site?email=&site=`: create a site, with the owner of the address as its site admin."""
    store = stores.of(request)
    form = await request.form() if request.method == "POST" else request.query_params
    fields = {name: str(form.get(name, "")).strip() for name in ("email", "site")}
    if request.method != "POST":
        return _render("create_site.html", fields)
    with store.transaction():
        status, problem = _create_site(store, fields["email"], fields["site"])
    if problem:
        return _render("create_site.html", {**fields, "problem": problem}, status)
    return _render("done.html", {"title": f"The site {fields['site']} has been created", "email": fields["email"]})


def _create_site(store: Store, email: str, name: str) -> tuple[int, str]:
    """Create a site; return the status and, if it cannot be created, the reason."""
    member = store.row(
        "SELECT m.organization, m.account_id FROM members m JOIN atlassian_accounts a ON a.id = m.account_id"
        " WHERE a.email_key = ? AND a.status = ? ORDER BY m.added_at",
        accounts.key(email),
        accounts.ACTIVE,
    )
    if member is None:
        return 404, "No organization has a member with this email address. Sign up first."
    if not sites.is_valid(name):
        return (
            422,
            "A site name has 3 to 63 lowercase letters, digits and hyphens. It cannot start or end with a hyphen.",
        )
    if not sites.is_free(store, name):
        return 409, f"This name is or was in use. Available names: {', '.join(sites.suggestions(store, name))}."
    sites.create(store, member["organization"], name, created_by=member["account_id"])
    return 200, ""


async def _fields(request: Request) -> dict[str, str]:
    form = await request.form() if request.method == "POST" else {}
    return {
        name: str(form.get(name) or request.query_params.get(name, "")).strip()
        for name in ("email", "name", "continue")
    }


def _is_address(email: str) -> bool:
    local, _, domain = email.rpartition("@")
    return bool(local and "." in domain and email.isprintable() and " " not in email)


def _finished(store: Store, fields: dict[str, str]) -> Response | None:
    account = accounts.find(store, fields["email"])
    if account and account["status"] != accounts.ACTIVE:
        return _page("done.html", fields, status=403, title="This account is deactivated")
    if account and account["email_verified"]:
        return _page("done.html", fields, title="Your account is already set up")
    return None


def _set_up(store: Store, fields: dict[str, str], *, origin: str) -> Response:
    with store.transaction():
        account_id = accounts.ensure(store, fields["email"], fields["name"], origin=origin)
        accounts.verify(store, account_id)
    return _page("done.html", fields, title="Your account is set up")


def _page(template: str, fields: dict[str, str], *, status: int = 200, problem: str = "", title: str = "") -> Response:
    target = urlsplit(fields["continue"])
    continue_url = fields["continue"] if target.scheme in {"http", "https"} and target.netloc else ""
    values = {
        "email": fields["email"],
        "name": fields["name"],
        "continue_url": continue_url,
        "continue_host": target.netloc,
        "problem": problem,
        "title": title,
        "min_password_length": MIN_PASSWORD_LENGTH,
    }
    return _render(template, values, status)


def _render(template: str, values: Mapping[str, object], status: int = 200) -> Response:
    return HTMLResponse(_templates.get_template(template).render(values), status_code=status, headers=_HEADERS)


ROUTES = [
    Route("/signup", sign_up, methods=["GET", "POST"]),
    Route("/login", log_in, methods=["GET", "POST"]),
    Route("/create-site", create_site, methods=["GET", "POST"]),
]
