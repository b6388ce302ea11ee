from typing import Any

import pytest

from tests.emulator.running import OPSGENIE_KEY, Control

HEADERS = {"Authorization": f"GenieKey {OPSGENIE_KEY}"}


@pytest.fixture(autouse=True)
def people(control: Control) -> None:
    """Load three users."""
    control.load(
        [
            {"username": "cem@example.com", "fullName": "Ann", "role": "owner"},
            {"username": "ann@example.com", "fullName": "Bob", "verified": False},
            {"username": "bob@example.com", "fullName": "Cem", "verified": False, "blocked": True},
        ]
    )


def names(control: Control, **query: Any) -> list[str]:  # noqa: ANN401 - query parameters have several types
    """List users; return the local parts of their usernames."""
    answer = control.http.get("/v2/users", params=query, headers=HEADERS).raise_for_status()
    return [user["username"].partition("@")[0] for user in answer.json()["data"]]


def test_list_users_sorts_pages_and_filters(control: Control) -> None:
    """Each documented parameter works."""
    assert names(control) == ["ann", "bob", "cem"]
    assert names(control, sortField="fullName", order="desc") == ["bob", "ann", "cem"]
    assert names(control, sortField="insertedAt") == ["cem", "ann", "bob"]
    assert names(control, limit=1, offset=1) == ["bob"]
    assert names(control, query="verified:false AND blocked:false") == ["ann"]
    assert names(control, query='fullName:"cem"') == ["bob"]
    assert names(control, query="role:OWNER") == ["cem"]


def test_paging_links_lead_through_all_pages(control: Control) -> None:
    """The body and the headers contain the same links."""
    url, seen = "/v2/users?limit=2&query=locale:en_US", list[str]()
    while url:
        answer = control.http.get(url, headers=HEADERS)
        seen += [user["username"] for user in answer.json()["data"]]
        url = answer.json()["paging"].get("next", "")
        assert answer.headers.get("X-Paging-Next", "") == url
    assert len(seen) == len(set(seen)) == 3


@pytest.mark.parametrize("query", ["limit=101", "limit=0", "limit=x", "offset=-1", "sortField=id", "query=id:1"])
def test_invalid_parameters_are_answered_with_422(control: Control, query: str) -> None:
    """The body has the format of Opsgenie's errors."""
    answer = control.http.get(f"/v2/users?{query}", headers=HEADERS)
    assert answer.status_code == 422
    assert {"message", "took", "requestId"} <= answer.json().keys()


@pytest.mark.parametrize("header", ["", "GenieKey", "GenieKey wrong", f"Bearer {OPSGENIE_KEY}", OPSGENIE_KEY])
def test_an_invalid_api_key_is_answered_with_401(control: Control, header: str) -> None:
    """A valid key must be sent with the scheme `GenieKey`."""
    for path in ("/v2/account", "/v2/users", "/v2/users/ann@example.com"):
        answer = control.http.get(path, headers={"Authorization": header})
        assert (answer.status_code, "requestId" in answer.json()) == (401, True)


def test_get_user_accepts_id_or_username(control: Control) -> None:
    """Usernames are case-insensitive; unknown users are answered with 404."""
    user = control.http.get("/v2/users/ANN@example.com", headers=HEADERS).json()["data"]
    assert control.http.get(f"/v2/users/{user['id']}", headers=HEADERS).json()["data"] == user
    assert control.http.get("/v2/users/nobody", headers=HEADERS).status_code == 404


def test_users_can_be_added_changed_and_deleted_by_the_control_api(control: Control) -> None:
    """The Opsgenie API returns the changes."""
    users = "/emulator/opsgenie/acme/users"
    control.http.post(users, json={"username": "new@example.com"}).raise_for_status()
    control.http.patch(f"{users}/ann@example.com", json={"verified": True}).raise_for_status()
    control.http.delete(f"{users}/bob@example.com").raise_for_status()
    assert names(control, query="verified:true") == ["ann", "cem", "new"]
    assert names(control, query="verified:false") == []
    assert control.http.get("/v2/account", headers=HEADERS).json()["data"]["userCount"] == 3


@pytest.mark.parametrize("body", ['{"verified": "perhaps"}', '{"shoeSize": 43}', "[]", "nonsense"])
def test_the_control_api_rejects_invalid_bodies(control: Control, body: str) -> None:
    """Otherwise a mistake in a test would go unnoticed."""
    answer = control.http.patch("/emulator/opsgenie/acme/users/ann@example.com", content=body)
    assert answer.status_code == 422


def test_rate_limits_count_each_api_key_separately(control: Control) -> None:
    """A 429 response has the retry headers of both services."""
    control.http.post("/emulator/limits", json={"match": "GET /v2/", "calls": 2, "seconds": 3600}).raise_for_status()
    answers = [control.http.get("/v2/account", headers=HEADERS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    waits = {answers[2].headers["Retry-After"], answers[2].headers["X-RateLimit-Period-In-Sec"]}
    assert waits == {"3600"}
    assert control.http.get("/v2/account", headers={"Authorization": "GenieKey other"}).status_code == 401
    control.http.delete("/emulator/faults").raise_for_status()
    assert control.http.get("/v2/account", headers=HEADERS).status_code == 200


def test_pending_faults_are_listed(control: Control) -> None:
    """A test can check that all its faults were injected."""
    control.order("GET /v2/account", status=503)
    assert [fault["match"] for fault in control.http.get("/emulator/faults").json()] == ["GET /v2/account"]
    control.http.get("/v2/account", headers=HEADERS)
    assert control.http.get("/emulator/faults").json() == []


def test_faults_respect_skip_and_times_and_do_not_count_as_calls(control: Control) -> None:
    """Only requests that reach the endpoint are counted."""
    control.order("GET /v2/account", skip=1, times=2, status=503, headers={"Retry-After": "3"}, body="<h1>Sorry</h1>")
    answers = [control.http.get("/v2/account", headers=HEADERS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 503, 503, 200]
    assert (answers[1].headers["Retry-After"], answers[1].text) == ("3", "<h1>Sorry</h1>")
    assert control.state()["calls"]["GET /v2/account"] == 2
