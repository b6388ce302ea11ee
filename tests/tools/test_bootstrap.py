import hashlib
import http.server
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent
UV = f"""#!{sys.executable} -S
# A stub of uv: creates environments with a working interpreter, and logs its commands.
import os, pathlib, sys
words = [word for word in sys.argv[1:] if not word.startswith("-")]
folder = pathlib.Path(__file__).parent.parent.parent.parent
with open(folder / "calls", "a") as calls:
    calls.write(" ".join(words[:2]) + "\\n")
if words[0] == "venv":
    python = pathlib.Path(words[1]) / "bin" / "python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.unlink(missing_ok=True)
    python.symlink_to(sys.executable)
    (python.parent.parent / "pyvenv.cfg").write_text(f"home = {{pathlib.Path(sys.executable).parent}}")
elif (folder / "fail").exists():
    sys.exit("no answer")
"""
BARE = """
import importlib.util, runpy, sys
there = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name in {"pip", "ensurepip"} else there(name)
sys.path.insert(0, "tools")
sys.argv = ["bootstrap.py", *sys.argv[1:]]
runpy.run_path("tools/bootstrap.py", run_name="__main__")
"""
"""A program that runs the script in an interpreter without pip and ensurepip."""


def wheel() -> bytes:
    """Return a wheel that contains the stub of uv."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("uv-1.0.data/scripts/uv", UV)
    return content.getvalue()


@pytest.fixture(params=["json", "html"])
def index(request: pytest.FixtureRequest) -> Iterator[str]:
    """Serve a package index in one of its two formats. The index requires credentials."""
    name, digest = f"uv-1.0-py3-none-{_platform()}.whl", hashlib.sha256(wheel()).hexdigest()
    page = f'<a href="../../files/uv-1.0.tar.gz#sha256=0">x</a><a href="../../files/{name}#sha256={digest}">x</a>'
    if request.param == "json":
        page = json.dumps({"files": [{"url": f"../../files/{name}", "hashes": {"sha256": digest}}]})
    pages = {"/simple/uv/": page.encode(), f"/files/{name}": wheel()}

    class Index(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path) if self.headers["Authorization"] == "Basic bWU6cyZj" else None
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://me:s%26c@127.0.0.1:{server.server_port}/simple"
        server.shutdown()


def _platform() -> str:
    if sys.platform == "darwin":
        return f"macosx_11_0_{platform.machine()}"
    return f"{'manylinux_2_17' if platform.libc_ver()[0] == 'glibc' else 'musllinux_1_1'}_{platform.machine()}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project folder with the real scripts and its own requirements."""
    shutil.copytree(PROJECT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "requirements").mkdir()
    for name in ("main", "local", "dev", "benchmarks"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"{name}==1.0\n")
    pin(tmp_path, hashlib.sha256(wheel()).hexdigest())
    return tmp_path


def pin(project: Path, digest: str) -> None:
    """Pin the project's uv."""
    (project / "requirements" / "uv.txt").write_text(f"uv==1.0 --hash=sha256:{digest}\n")


def bootstrap(project: Path, wanted: str = "dev", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script without uv, pip, ensurepip and pip configuration."""
    command = [sys.executable, "-S", "-c", BARE, wanted]
    bare = {"PATH": "/nowhere", "HOME": str(project), "PIP_CONFIG_FILE": os.devnull, "XDG_CONFIG_DIRS": "/nowhere"}
    return subprocess.run(  # noqa: S603 - our own script
        command, env={**bare, **environment}, cwd=project, capture_output=True, text=True, check=False
    )


def calls(project: Path) -> list[str]:
    """Return the commands that uv has received since the last call."""
    file = project / "calls"
    lines = file.read_text().splitlines() if file.exists() else []
    file.unlink(missing_ok=True)
    return lines


def test_bootstrap_needs_only_a_package_index(project: Path, index: str) -> None:
    """The script downloads uv from the index, checks its hash, and installs the environment."""
    done = bootstrap(project, UV_DEFAULT_INDEX=index)
    assert (done.returncode, calls(project)) == (0, ["venv " + str(project / ".venv"), "pip sync"]), done.stderr
    assert done.stderr.startswith("Setting up .venv from requirements/dev.txt ...\n")


def test_the_index_of_the_pip_configuration_is_used(project: Path, index: str) -> None:
    """Users who have already configured pip need no further settings."""
    (project / "pip.conf").write_text(f"[global]\nindex-url = {index}\n")
    assert bootstrap(project, PIP_CONFIG_FILE=str(project / "pip.conf")).returncode == 0


def test_a_second_run_does_nothing(project: Path, index: str) -> None:
    """The second run asks for the same or a smaller set, which is already installed. It prints nothing."""
    bootstrap(project, UV_DEFAULT_INDEX=index)
    calls(project)
    for wanted in ("dev", "main"):
        again = bootstrap(project, wanted)
        assert (again.returncode, again.stderr, calls(project)) == (0, "", [])


def test_changed_requirements_are_installed_into_the_existing_environment(project: Path, index: str) -> None:
    """Asking for a smaller set never removes the larger installed set."""
    bootstrap(project, UV_DEFAULT_INDEX=index)
    calls(project)
    (project / "requirements" / "dev.txt").write_text("dev==2.0\n")
    assert bootstrap(project, "main").stderr.startswith("Setting up .venv from requirements/dev.txt")
    assert calls(project) == ["pip sync"]


def test_an_interrupted_or_broken_environment_is_recreated(project: Path, index: str) -> None:
    """The last installation was interrupted, or the interpreter is missing."""
    (project / "fail").touch()
    assert bootstrap(project, UV_DEFAULT_INDEX=index).returncode == 1
    (project / "fail").unlink()
    calls(project)
    assert bootstrap(project).returncode == 0
    (project / ".venv" / "bin" / "python").unlink()
    assert bootstrap(project).returncode == 0
    assert calls(project) == ["venv " + str(project / ".venv"), "pip sync"] * 2


def test_a_uv_with_another_hash_is_not_run(project: Path, index: str) -> None:
    """The pinned hash decides which uv is run, whatever the index serves."""
    pin(project, "0" * 64)
    done = bootstrap(project, UV_DEFAULT_INDEX=index)
    assert done.returncode == 1
    assert "The package index has no pinned uv for" in done.stderr
    assert calls(project) == []


def test_without_an_index_the_error_names_the_remedy(project: Path) -> None:
    """The error is printed without a traceback."""
    done = bootstrap(project)
    assert done.returncode == 1
    assert "neither pip nor ensurepip" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_environment_that_is_a_symbolic_link_is_left_unchanged(project: Path) -> None:
    """The link's target belongs to another project."""
    (project / ".venv").symlink_to(project / "elsewhere")
    done = bootstrap(project)
    assert (done.returncode, done.stderr) == (0, "")


def test_benchmarks_have_a_separate_environment(project: Path, index: str) -> None:
    """The libraries of the other contestants do not change Landbridge's environment."""
    bootstrap(project, UV_DEFAULT_INDEX=index)
    calls(project)
    done = bootstrap(project, "benchmarks", UV_DEFAULT_INDEX=index)
    assert (done.returncode, calls(project)) == (0, ["venv " + str(project / ".venv-bench"), "pip sync"]), done.stderr
    for wanted in ("dev", "benchmarks"):
        again = bootstrap(project, wanted)
        assert (again.returncode, again.stderr, calls(project)) == (0, "", [])
