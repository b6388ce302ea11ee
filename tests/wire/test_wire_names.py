"""Running migrations depend on the names on the wire, so no name may disappear."""

from tests.wire import contract


def test_no_name_on_the_wire_disappears() -> None:
    """Renaming a field or handler breaks running migrations: keep the old name, or add the new name as well."""
    assert contract.missing(contract.recorded(), contract.current()) == []


def test_every_name_on_the_wire_is_recorded() -> None:
    """If this fails, record the new names: `python -m tests.wire.record`."""
    assert contract.missing(contract.current(), contract.recorded()) == []


def test_the_contract_covers_every_kind_of_name() -> None:
    """The test checks one example of each kind, so that the listing cannot become empty unnoticed."""
    names = contract.current()
    assert "cohort_status" in names["workflow:SiteMigrationWorkflow signals"]
    assert "pause" in names["workflow:SiteMigrationWorkflow updates"]
    assert "progress" in names["workflow:SiteMigrationWorkflow queries"]
    assert "send_mails" in names["activities"]
    assert "MigrationStep" in names["search attributes"]
    assert "email" in names["message:Person"]
    assert "connected" in names["values:State"]


def test_a_missing_name_is_reported_with_its_place() -> None:
    """The place and the name are shown as in a failure of the first test."""
    there = {"message:Pause": ["reason", "run"]}
    assert contract.missing(there, {"message:Pause": ["run"]}) == ["message:Pause: reason"]
    assert contract.missing(there, {}) == ["message:Pause: reason", "message:Pause: run"]
