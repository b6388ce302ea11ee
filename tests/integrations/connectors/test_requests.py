import pytest

from landbridge.domain.activity_io import AccountQuestion
from landbridge.integrations.atlassian.directory import AtlassianDirectory
from landbridge.integrations.opsgenie import OpsgenieRoster
from tests.emulator.running import ACCOUNT, OPSGENIE_KEY, ORGANIZATION, ORGANIZATION_KEY, Control
from tests.published import MISSING, Document, Sent, published
from tests.streams import collect


async def test_every_request_matches_the_published_documents(control: Control, service: str, sent: list[Sent]) -> None:
    """The test calls all methods of all ports and reads further pages. The fixture validates each request."""
    people = [{"username": f"person{number}@example.com"} for number in range(101)]
    control.load(
        people,
        accounts=[{"email": "ann@example.com"}],
        sites=[{"name": "ours", "users": ["ann@example.com"]}],
        seats=500,
    )
    async with (
        OpsgenieRoster(service, OPSGENIE_KEY) as roster,
        AtlassianDirectory(service, ORGANIZATION_KEY, ORGANIZATION, sends_invitations=True) as directory,
    ):
        emails = [person.email async for person in roster.people(ACCOUNT)]
        questions = [AccountQuestion(person=n, email=email, may_be_mailed=n % 2 == 0) for n, email in enumerate(emails)]
        await collect(directory.ensure(questions), lambda _: None)
        for endpoint in ("users/search", "/workspaces", "/role-assignments"):
            control.order(endpoint, status=200, body='{"data": [], "links": {"next": "100:0"}}')
        assert [site.name for site in await directory.sites("ann@example.com")] == ["ours"]
        assert [lookup.email async for lookup in directory.lookups(emails)] == emails
        await directory.seats()
    asked = {one.path.rpartition("/")[2] for one in sent}
    assert asked >= {"account", "users", "search", "invite", "workspaces", "role-assignments", "domains", "count"}


@pytest.mark.skipif(not published(), reason=MISSING)
@pytest.mark.parametrize(
    "request_",
    [
        Sent("GET", "/v2/users", "limit=ten", authorization="GenieKey x"),
        Sent("GET", "/v2/users", "order=upwards", authorization="GenieKey x"),
        Sent("GET", "/v2/users", "page=2", authorization="GenieKey x"),
        Sent("GET", "/v2/users", authorization="Bearer x"),
        Sent("POST", "/v2/account", authorization="GenieKey x"),
        Sent("POST", "/admin/v2/orgs/o/users/invite", body=b"{}", authorization="Bearer x"),
        Sent("POST", "/admin/v2/orgs/o/users/invite", body=b'{"emails": "a@b.example"}', authorization="Bearer x"),
        Sent("POST", "/admin/v2/orgs/o/workspaces", body=b'{"limit": 1001}', authorization="Bearer x"),
        Sent("POST", "/admin/v2/orgs/o/workspaces", body=b'{"pageSize": 10}', authorization="Bearer x"),
    ],
)
def test_the_validator_finds_errors(request_: Sent) -> None:
    """The validator checks types, limits, enumerations, unknown and missing names, schemes and methods."""
    (document,) = [one for one in published() if one.knows(request_.path)]
    with pytest.raises(AssertionError):
        document.check_request(request_)


def test_the_validator_handles_all_features_of_documents() -> None:
    """The handwritten samples contain references, null values and combined schemas."""
    document = Document(
        {
            "paths": {"/things/{id}": {"get": {"responses": {"200": {"schema": {"$ref": "#/definitions/Thing"}}}}}},
            "definitions": {
                "Named": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
                "Thing": {
                    "allOf": [
                        {"$ref": "#/definitions/Named"},
                        {"properties": {"size": {"type": "integer", "nullable": True}}},
                        {"properties": {"inner": {"$ref": "#/definitions/Thing"}}},
                    ]
                },
            },
        }
    )
    for right in ({"name": "a"}, {"name": "a", "size": None}, {"name": "a", "inner": {"name": "b"}}):
        document.check_answer("GET", "/things/1", 200, right)
    for wrong in ({}, {"name": 1}, {"name": "a", "size": "big"}, {"name": "a", "colour": "red"}):
        with pytest.raises(AssertionError):
            document.check_answer("GET", "/things/1", 200, wrong)
    with pytest.raises(AssertionError, match="404"):
        document.check_answer("GET", "/things/1", 404, {})
