import json
from pathlib import Path

from dev.demo import diagnostics


def test_the_newest_problems_of_each_log_are_shown(tmp_path: Path) -> None:
    """Problems are warnings, errors, and lines that are not log events but mention a failure."""
    events = [("info", "started"), *(("warning", f"problem {number}") for number in range(5)), ("info", "continuing")]
    lines = [json.dumps({"level": level, "event": event}) for level, event in events]
    (tmp_path / "worker.log").write_text("\n".join(lines))
    (tmp_path / "temporal.log").write_text('{"level":"warn","msg":"slow"}\n{"level":"info","msg":"fine"}\n')
    (tmp_path / "portal.log").write_text("Killed by the kernel\n\n")
    (tmp_path / "mailbox.log").write_text("")
    shown = diagnostics.problems_in_logs(tmp_path)
    assert [line.partition(":")[0] for line in shown] == ["portal.log", "temporal.log", *["worker.log"] * 3]
    assert [f"problem {number}" in line for number, line in zip((2, 3, 4), shown[2:], strict=True)] == [True] * 3
    assert "Killed by the kernel" in shown[0]
