import json
from pathlib import Path

from dev.demo import diagnostics


def test_the_newest_complaints_of_each_log_are_told(tmp_path: Path) -> None:
    """Of each process what went wrong last, be it an event or the last words of a program; never its chatter."""
    events = [("info", "started"), *(("warning", f"trouble {number}") for number in range(5)), ("info", "going on")]
    lines = [json.dumps({"level": level, "event": event}) for level, event in events]
    (tmp_path / "worker.log").write_text("\n".join(lines))
    (tmp_path / "temporal.log").write_text('{"level":"warn","msg":"slow"}\n{"level":"info","msg":"fine"}\n')
    (tmp_path / "portal.log").write_text("Killed by the kernel\n\n")
    (tmp_path / "mailbox.log").write_text("")
    told = diagnostics.complaints(tmp_path)
    assert [line.partition(":")[0] for line in told] == ["portal.log", "temporal.log", *["worker.log"] * 3]
    assert [f"trouble {number}" in line for number, line in zip((2, 3, 4), told[2:], strict=True)] == [True] * 3
    assert "Killed by the kernel" in told[0]
