from typing import Any

import pytest

from tests.emulator.running import OPSGENIE_KEY, Control

HEADERS = {"Authorization": f"GenieKey {OPSGENIE_KEY}"}


@pytest.fixture(autouse=True)
def people(control: Control) -> None:
    """Three users."""
    control.load(
        [
            {"username": "cem@example.com", "fullName": "Ann", "role": "owner"},
            {"username": "ann@example.com", "fullName": "Bob", "verified": False},
            {"username": "bob@example.com", "fullName": "Cem", "verified": False, "blocked": True},
        ]
    )


def names(control: Control, **query: Any) -> list[str]:  # noqa: ANN401 - whatever a query can hold
    """List users; return the names before the @."""
    answer = control.http.get("/v2/users", params=query, headers=HEADERS).raise_for_status()
    return [user["username"].partition("@")[0] for user in answer.json()["data"]]


def test_users_are_sorted_paged_and_searched_as_documented(control: Control) -> None:
    """Each parameter does what Opsgenie's document says."""
    assert names(control) == ["ann", "bob", "cem"]
    assert names(control, sortField="fullName", order="desc") == ["bob", "ann", "cem"]
    assert names(control, sortField="insertedAt") == ["cem", "ann", "bob"]
    assert names(control, limit=1, offset=1) == ["bob"]
    assert names(control, query="verified:false AND blocked:false") == ["ann"]
    assert names(control, query='fullName:"cem"') == ["bob"]
    assert names(control, query="role:OWNER") == ["cem"]


def test_pages_lead_to_each_other(control: Control) -> None:
    """Links stand in the body and in headers, and lead through all pages."""
    url, seen = "/v2/users?limit=2&query=locale:en_US", list[str]()
    while url:
        answer = control.http.get(url, headers=HEADERS)
        seen += [user["username"] for user in answer.json()["data"]]
        url = answer.json()["paging"].get("next", "")
        assert answer.headers.get("X-Paging-Next", "") == url
    assert len(seen) == len(set(seen)) == 3


@pytest.mark.parametrize("query", ["limit=101", "limit=0", "limit=x", "offset=-1", "sortField=id", "query=id:1"])
def test_parameters_that_break_the_rules_are_answered_with_422(control: Control, query: str) -> None:
    """In the shape of Opsgenie's errors."""
    answer = control.http.get(f"/v2/users?{query}", headers=HEADERS)
    assert answer.status_code == 422
    assert {"message", "took", "requestId"} <= answer.json().keys()


@pytest.mark.parametrize("header", ["", "GenieKey", "GenieKey wrong", f"Bearer {OPSGENIE_KEY}", OPSGENIE_KEY])
def test_a_key_that_is_not_valid_is_answered_with_401(control: Control, header: str) -> None:
    """Only a valid key in Opsgenie's own scheme opens anything."""
    for path in ("/v2/account", "/v2/users", "/v2/users/ann@example.com"):
        answer = control.http.get(path, headers={"Authorization": header})
        assert (answer.status_code, "requestId" in answer.json()) == (401, True)


def test_one_user_is_found_by_id_or_username(control: Control) -> None:
    """Another one is not found."""
    user = control.http.get("/v2/users/ANN@example.com", headers=HEADERS).json()["data"]
    assert control.http.get(f"/v2/users/{user['id']}", headers=HEADERS).json()["data"] == user
    assert control.http.get("/v2/users/nobody", headers=HEADERS).status_code == 404


def test_people_join_change_and_leave(control: Control) -> None:
    """What the control endpoints change is what the API answers."""
    users = "/emulator/opsgenie/acme/users"
    control.http.post(users, json={"username": "new@example.com"}).raise_for_status()
    control.http.patch(f"{users}/ann@example.com", json={"verified": True}).raise_for_status()
    control.http.delete(f"{users}/bob@example.com").raise_for_status()
    assert names(control, query="verified:true") == ["ann", "cem", "new"]
    assert names(control, query="verified:false") == []
    assert control.http.get("/v2/account", headers=HEADERS).json()["data"]["userCount"] == 3


@pytest.mark.parametrize("body", ['{"verified": "perhaps"}', '{"shoeSize": 43}', "[]", "nonsense"])
def test_orders_that_cannot_be_understood_are_refused(control: Control, body: str) -> None:
    """A slip in a test is told, not swallowed."""
    answer = control.http.patch("/emulator/opsgenie/acme/users/ann@example.com", content=body)
    assert answer.status_code == 422


def test_each_key_has_a_limit_of_its_own(control: Control) -> None:
    """Over the limit there is 429 with the wait in both services' words; another key is not held up."""
    control.http.post("/emulator/limits", json={"match": "GET /v2/", "calls": 2, "seconds": 3600}).raise_for_status()
    answers = [control.http.get("/v2/account", headers=HEADERS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    waits = {answers[2].headers["Retry-After"], answers[2].headers["X-RateLimit-Period-In-Sec"]}
    assert waits == {"3600"}
    assert control.http.get("/v2/account", headers={"Authorization": "GenieKey other"}).status_code == 401
    control.http.delete("/emulator/faults").raise_for_status()
    assert control.http.get("/v2/account", headers=HEADERS).status_code == 200


def test_faults_that_are_still_to_come_are_listed(control: Control) -> None:
    """A test can see that everything it ordered has happened."""
    control.order("GET /v2/account", status=503)
    assert [fault["match"] for fault in control.http.get("/emulator/faults").json()] == ["GET /v2/account"]
    control.http.get("/v2/account", headers=HEADERS)
    assert control.http.get("/emulator/faults").json() == []


def test_a_fault_comes_as_often_as_ordered_and_calls_are_counted(control: Control) -> None:
    """Skipped, made, and over; an endpoint that was never reached is not counted as called."""
    control.order("GET /v2/account", skip=1, times=2, status=503, headers={"Retry-After": "3"}, body="<h1>Sorry</h1>")
    answers = [control.http.get("/v2/account", headers=HEADERS) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 503, 503, 200]
    assert (answers[1].headers["Retry-After"], answers[1].text) == ("3", "<h1>Sorry</h1>")
    assert control.state()["calls"]["GET /v2/account"] == 2
