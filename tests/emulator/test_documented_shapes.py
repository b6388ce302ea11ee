"""The emulator's responses match the published OpenAPI documents, which are not part of this project."""

import pytest

from tests.emulator.running import OPSGENIE_KEY, ORGANIZATION, ORGANIZATION_KEY, Control
from tests.published import MISSING, published

pytestmark = pytest.mark.skipif(not published(), reason=MISSING)


@pytest.fixture(autouse=True)
def world(control: Control) -> None:
    """Load a site admin, addresses that cannot be invited, and a deactivated account that is not a member."""
    control.load(
        [{"username": "ann@example.com", "role": "owner"}, {"username": "bob@example.com"}],
        accounts=[
            {"email": "ann@example.com", "orgAdmin": True},
            {"email": "gone@example.com", "accountStatus": "inactive", "member": False},
        ],
        sites=[{"name": "ours", "siteAdmins": ["ann@example.com"]}, {"name": "theirs"}],
        uninvitable={
            "bad@example.com": "Blocked",
            "poor@example.com": "ADMIN-UAM-402-1",
            "late@example.com": "ADMIN-UAM-409-3",
        },
    )


@pytest.mark.parametrize("key,status", [(OPSGENIE_KEY, 200), ("wrong", 401)])
@pytest.mark.parametrize(
    "path",
    ["/v2/account", "/v2/users?limit=1", "/v2/users/ann@example.com", "/v2/users/nobody", "/v2/users?limit=101"],
)
def test_opsgenie_responses_match_the_document(control: Control, path: str, key: str, status: int) -> None:
    """Responses for accounts, users, pages and errors match."""
    document, _ = published()
    answer = control.http.get(path, headers={"Authorization": f"GenieKey {key}"})
    assert answer.status_code in {status, 404, 422}
    document.check_answer("GET", path.partition("?")[0], answer.status_code, answer.json())


ORG = "/v2/orgs/{orgId}"
USERS = f"{ORG}/directories/{{directoryId}}/users"
SEARCH = {"emails": ["ann@example.com"], "expand": ["platformRoles"]}


@pytest.mark.parametrize(
    "method,template,body,status",
    [
        ("get", "/v1/orgs", None, 200),
        ("get", "/v1/orgs/{orgId}/domains", None, 200),
        ("get", f"{ORG}/directories", None, 200),
        ("get", f"{USERS}/count", None, 200),
        ("get", f"{USERS}/count?resourceIds=x", None, 200),
        ("post", f"{ORG}/workspaces", {"limit": 1}, 200),
        ("post", f"{ORG}/workspaces", {"limit": 0}, 400),
        ("post", f"{USERS}/search", SEARCH, 200),
        ("post", f"{USERS}/search", {**SEARCH, "searchTerm": "ann"}, 400),
        ("post", f"{USERS}/search", {"emails": ["a@example.com"] * 101}, 400),
        ("get", f"{USERS}/{{accountId}}/role-assignments", None, 200),
        ("delete", f"{USERS}/{{accountId}}", None, 404),
        ("post", f"{ORG}/users/invite", {"emails": ["new@example.com"]}, 200),
        ("post", f"{ORG}/users/invite", {"emails": ["new@example.com", "bad@example.com"]}, 206),
        ("post", f"{ORG}/users/invite", {"emails": ["gone@example.com"]}, 400),
        ("post", f"{ORG}/users/invite", {"emails": ["poor@example.com"]}, 402),
        ("post", f"{ORG}/users/invite", {"emails": ["late@example.com"]}, 409),
        ("post", f"{ORG}/users/invite", {"emails": ["new@example.com"] * 26}, 400),
    ],
)
def test_organizations_api_responses_match_the_document(
    control: Control, method: str, template: str, body: dict[str, object] | None, status: int
) -> None:
    """Successes, documented errors, wrong keys and other organizations match."""
    _, document = published()
    account_id = control.account("ann@example.com")["id"]

    def check(key: str, organization: str, expected: set[int]) -> None:
        path = f"/admin{template.format(orgId=organization, directoryId='-', accountId=account_id)}"
        answer = control.http.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code in expected
        content = answer.json() if answer.content else None
        document.check_answer(method, path.partition("?")[0], answer.status_code, content)

    check(ORGANIZATION_KEY, ORGANIZATION, {status})
    check("wrong", ORGANIZATION, {401})
    if "{orgId}" in template:
        check(ORGANIZATION_KEY, "another-org", {401, 403, 404})


def test_removing_a_user_matches_the_document(control: Control) -> None:
    """A second removal is answered with 404. The account itself stays."""
    _, document = published()
    (organization,) = control.state()["organizations"]
    account_id = control.account("ann@example.com")["id"]
    path = f"/admin/v2/orgs/{ORGANIZATION}/directories/{organization['directory_id']}/users/{account_id}"
    for status in (204, 404):
        answer = control.http.delete(path, headers={"Authorization": f"Bearer {ORGANIZATION_KEY}"})
        assert answer.status_code == status
        document.check_answer("DELETE", path, status, answer.json() if answer.content else None)
    assert control.account("ann@example.com")["id"] == account_id
    assert account_id not in [member["account_id"] for member in control.state()["members"]]


@pytest.mark.parametrize("path", ["/v2/users", "/admin/v1/orgs", f"/admin/v2/orgs/{ORGANIZATION}/directories"])
def test_rate_limit_responses_match_the_document(control: Control, path: str) -> None:
    """Each service has its own format for 429."""
    control.http.post("/emulator/limits", json={"match": "GET", "calls": 1, "seconds": 3600}).raise_for_status()
    control.http.get(path)
    answer = control.http.get(path)
    assert answer.status_code == 429
    (document,) = [found for found in published() if found.knows(path)]
    document.check_answer("GET", path, 429, answer.json())
