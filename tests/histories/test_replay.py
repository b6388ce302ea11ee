"""The current code can replay the histories that older versions recorded."""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory

from tests.histories import health

RECORDED = sorted(Path(__file__).parent.glob("*/*.json"))


def read(file: Path) -> WorkflowHistory:
    """Return a recorded history."""
    return WorkflowHistory.from_json(file.stem, file.read_text(encoding="utf-8"))


def test_histories_were_recorded() -> None:
    """The recordings contain migrations, cohorts that continued as new, and an undo."""
    types = [read(file).events[0].workflow_execution_started_event_attributes.workflow_type.name for file in RECORDED]
    assert types.count("SiteMigrationWorkflow") > types.count("UndoWorkflow") >= 1
    assert types.count("CohortWorkflow") > types.count("SiteMigrationWorkflow")


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: f"{file.parent.name}/{file.stem}")
async def test_a_recorded_history_is_replayed(file: Path) -> None:
    """The current code makes the recorded decisions; if not, guard the change with `workflow.patched`."""
    replay = await health.replayer().replay_workflow(read(file), raise_on_replay_failure=False)
    assert replay.replay_failure is None


async def test_a_different_decision_is_detected() -> None:
    """Replay fails for a history with another activity than the current code schedules."""
    file = next(file for file in RECORDED if "send_mails" in file.read_text(encoding="utf-8"))
    changed = json.loads(file.read_text(encoding="utf-8").replace('"send_mails"', '"send_pigeons"'))
    history = WorkflowHistory.from_json(file.stem, changed)
    replay = await health.replayer().replay_workflow(history, raise_on_replay_failure=False)
    assert replay.replay_failure is not None
