"""What the emulator answers is what the published OpenAPI documents describe. They are no part of the project."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.running import OPSGENIE_KEY, ORGANIZATION, ORGANIZATION_KEY, Control

APIS = Path(__file__).parents[3] / "shared" / "apis"
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}

pytestmark = pytest.mark.skipif(not APIS.is_dir(), reason=f"the published OpenAPI documents are not in {APIS}")


class Document:
    """One published document."""

    def __init__(self, name: str) -> None:
        self._content = json.loads((APIS / name).read_bytes())

    def check(self, schema: Mapping[str, Any], value: object, at: str = "$") -> None:
        """Fail unless a value fits: types, required and known properties, enumerations."""
        schema = self._resolve(schema)
        if value is None and schema.get("nullable"):
            return
        assert isinstance(value, _TYPES.get(schema.get("type", ""), (object,))), at
        assert value in schema.get("enum", [value]), at
        if isinstance(value, list):
            for number, item in enumerate(value):
                self.check(schema.get("items", {}), item, f"{at}[{number}]")
        if isinstance(value, dict) and "properties" in schema:
            assert set(schema.get("required", ())) <= value.keys(), at
            for name, item in value.items():
                assert name in schema["properties"], f"{at}.{name} is not documented"
                self.check(schema["properties"][name], item, f"{at}.{name}")

    def describes(self, path: str, method: str, status: int) -> bool:
        """Return whether such an answer is documented."""
        return str(status) in self._content["paths"][path][method]["responses"]

    def schema(self, path: str, method: str, status: int) -> Mapping[str, Any]:
        """Return what is documented for an answer."""
        answer = self._follow(self._content["paths"][path][method]["responses"][str(status)])
        schema = answer.get("schema") or answer["content"]["application/json"]["schema"]
        return dict(schema)

    def _follow(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in node:
            target = self._content
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def _resolve(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        schema = self._follow(schema)
        parts = [self._resolve(part) for part in schema.get("allOf", ())]
        if not parts:
            return schema
        required = [name for part in [schema, *parts] for name in part.get("required", ())]
        properties = {name: prop for part in [schema, *parts] for name, prop in part.get("properties", {}).items()}
        return {"type": "object", **schema, "required": required, "properties": properties}


@pytest.fixture(autouse=True)
def world(control: Control) -> None:
    """Someone who is site admin, someone who cannot be invited, and someone deactivated outside."""
    control.load(
        [{"username": "ann@example.com", "role": "owner"}, {"username": "bob@example.com"}],
        accounts=[
            {"email": "ann@example.com", "orgAdmin": True},
            {"email": "gone@example.com", "accountStatus": "inactive", "member": False},
        ],
        sites=[{"name": "ours", "siteAdmins": ["ann@example.com"]}, {"name": "theirs"}],
        uninvitable={"bad@example.com": "Blocked"},
    )


@pytest.mark.parametrize("key,status", [(OPSGENIE_KEY, 200), ("wrong", 401)])
@pytest.mark.parametrize(
    "path,template",
    [
        ("/v2/account", "/v2/account"),
        ("/v2/users?limit=1", "/v2/users"),
        ("/v2/users/ann@example.com", "/v2/users/{identifier}"),
        ("/v2/users/nobody", "/v2/users/{identifier}"),
        ("/v2/users?limit=101", "/v2/users"),
    ],
)
def test_opsgenie_answers_as_documented(control: Control, path: str, template: str, key: str, status: int) -> None:
    """Accounts, users, pages and errors."""
    document = Document("opsgenie_swagger.json")
    answer = control.http.get(path, headers={"Authorization": f"GenieKey {key}"})
    assert answer.status_code in {status, 404, 422}
    document.check(document.schema(template, "get", answer.status_code), answer.json())


ORG = "/v2/orgs/{orgId}"
USERS = f"{ORG}/directories/{{directoryId}}/users"
SEARCH = {"emails": ["ann@example.com"], "expand": ["platformRoles"]}


@pytest.mark.parametrize(
    "method,template,body,status",
    [
        ("get", "/v1/orgs", None, 200),
        ("get", f"{ORG}/directories", None, 200),
        ("post", f"{ORG}/workspaces", {"limit": 1}, 200),
        ("post", f"{ORG}/workspaces", {"limit": 0}, 400),
        ("post", f"{USERS}/search", SEARCH, 200),
        ("post", f"{USERS}/search", {**SEARCH, "searchTerm": "ann"}, 400),
        ("post", f"{USERS}/search", {"emails": ["a@example.com"] * 101}, 400),
        ("get", f"{USERS}/{{accountId}}/role-assignments", None, 200),
        ("post", f"{ORG}/users/invite", {"emails": ["new@example.com"]}, 200),
        ("post", f"{ORG}/users/invite", {"emails": ["new@example.com", "bad@example.com"]}, 206),
        ("post", f"{ORG}/users/invite", {"emails": ["gone@example.com"]}, 400),
        ("post", f"{ORG}/users/invite", {"emails": ["new@example.com"] * 26}, 400),
    ],
)
def test_the_organizations_api_answers_as_documented(
    control: Control, method: str, template: str, body: dict[str, object] | None, status: int
) -> None:
    """Each operation, fulfilled, refused, with a wrong key and for another organization."""
    document = Document("atlassian_org_openapi.json")
    account_id = control.account("ann@example.com")["id"]

    def check(key: str, organization: str, expected: int) -> None:
        path = template.format(orgId=organization, directoryId="-", accountId=account_id)
        headers = {"Authorization": f"Bearer {key}"}
        answer = control.http.request(method, f"/admin{path}", json=body, headers=headers)
        assert answer.status_code == expected
        document.check(document.schema(template, method, expected), answer.json())

    check(ORGANIZATION_KEY, ORGANIZATION, status)
    check("wrong", ORGANIZATION, 401)
    if document.describes(template, method, 404):
        check(ORGANIZATION_KEY, "another-org", 404)
