import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import audit as tool
import pytest

PROJECT = Path(__file__).parent.parent.parent
KNOWN = {
    "id": "GHSA-test-0001",
    "summary": "A flaw for this test",
    "affected": [
        {
            "package": {"name": "starlette", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
        }
    ],
}


@contextmanager
def database(flawed: str) -> Iterator[str]:
    """A database of known flaws that knows one library's; yields its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {"vulns": [KNOWN]} if question["package"]["name"] == flawed else {}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()


def audit(url: str) -> subprocess.CompletedProcess[str]:
    """Run the audit against a database."""
    environment = {**os.environ, "PIP_AUDIT_OSV_URL": url, "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "tools/audit.py"]
    return subprocess.run(  # noqa: S603 - our own script
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )


def test_a_known_flaw_is_named_with_its_remedy() -> None:
    """Every pinned library is asked about; a flaw fails the audit, by name and the release that mends it."""
    with database("starlette") as url:
        done = audit(url)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "GHSA-test-0001, mended in: 99.0" in done.stdout
    pinned = {
        line.split("==")[0]
        for file in (PROJECT / "requirements").glob("*.txt")
        for line in file.read_text().splitlines()
        if "==" in line and not line.startswith(" ")
    }
    # Some are pinned for other systems only.
    assert len(pinned) * 0.8 <= int(done.stdout.splitlines()[-1].split()[0]) <= len(pinned)
    bill = json.loads((PROJECT / ".audit" / "landbridge.cdx.json").read_text())
    assert {"temporalio", "aiosmtplib"} <= {component["name"] for component in bill["components"]}


def test_a_database_that_cannot_be_asked_is_no_clean_bill() -> None:
    """Where nothing could be checked, the audit says so plainly and does not pass."""
    done = audit("http://127.0.0.1:9/v1/query")
    assert done.returncode == 4
    assert "cannot be reached from here: NOTHING was checked" in done.stdout


def test_trouble_of_another_kind_is_not_called_the_networks(tmp_path: Path) -> None:
    """What the tool says is told; nothing was checked then either."""
    pins = tmp_path / "pins.txt"
    pins.write_text("starlette==1.0\n")
    with pytest.raises(tool.NotAsked, match=r"^NOTHING was checked. pip-audit said: .*starlette"):
        tool.audit([pins])
