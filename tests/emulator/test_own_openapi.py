"""Whatever is asked of the emulator, its answers are what its own OpenAPI document says, and the published ones."""

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
    """A small account and its organization; the emulator's URL."""
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
def test_every_operation_is_as_described(case: Case[Any], world: str) -> None:
    """Nothing a client can send, right or wrong, makes it fail, or answer in a way that it does not describe."""
    answer = case.call_and_validate(base_url=world)
    for document in published():
        # Which methods there are beside the documented ones is nobody's promise.
        if document.knows(case.operation.path) and answer.status_code != 405:
            body = answer.json() if answer.content else None
            document.check_answer(case.method, case.operation.path, answer.status_code, body)


def test_the_document_is_published(control: Control) -> None:
    """The very document that the operations are tried against."""
    assert control.http.get("/openapi.json").json() == openapi.document(app.OPERATIONS)
