"""All responses of the emulator match its own OpenAPI document and the published documents (property-based)."""

from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

from dev.emulator import app, openapi
from tests.emulator.running import OPSGENIE_KEY, ORGANIZATION, ORGANIZATION_KEY, Control
from tests.published import published

KEYS = {"GenieKey": {"api_key": f"GenieKey {OPSGENIE_KEY}"}, "Bearer": {"bearer": ORGANIZATION_KEY}}
schema = schemathesis.openapi.from_dict(
    openapi.document(app.OPERATIONS),
    config=SchemathesisConfig.from_dict(
        {"parameters": {"org_id": ORGANIZATION, "directory_id": "-"}, "auth": {"openapi": KEYS}}
    ),
)


@pytest.fixture(scope="module")
def world(service: str) -> str:
    """Load a small account and its organization; return the emulator's URL."""
    with Control(service) as control:
        control.http.delete("/emulator/state").raise_for_status()
        control.load(
            [{"username": "ann@example.com"}],
            accounts=[{"email": "ann@example.com", "orgAdmin": True}],
            sites=[{"name": "ours", "siteAdmins": ["ann@example.com"]}],
            domains={"example.com": "verified"},
        )
    return service


@schema.parametrize()
@hypothesis.settings(max_examples=25, deadline=None, database=None, derandomize=True)
def test_every_response_matches_the_document(case: Case[Any], world: str) -> None:
    """No request, valid or not, causes a server error or an undocumented response."""
    answer = case.call_and_validate(base_url=world)
    for document in published():
        # The published documents do not define responses to unsupported methods (405).
        if document.knows(case.operation.path) and answer.status_code != 405:
            body = answer.json() if answer.content else None
            document.check_answer(case.method, case.operation.path, answer.status_code, body)


def test_the_emulator_serves_its_document(control: Control) -> None:
    """`/openapi.json` is the document that the other test checks against."""
    assert control.http.get("/openapi.json").json() == openapi.document(app.OPERATIONS)
