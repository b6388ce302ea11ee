"""Finds uv, the package installer, or installs the pinned version into `.tools/`."""

import hashlib
import html.parser
import importlib.util
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

import index_settings

MIN_VERSION = (0, 8)
"""An older uv on the PATH lacks options that are used here, and is ignored."""
SIMPLE_INDEX = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
"""The Accept header for a package index: JSON (PEP 691) or HTML (PEP 503)."""
_TIMEOUT = 60


class NotFetched(Exception):
    """uv is not installed and cannot be fetched; the message says what to do."""


def find_or_fetch(project: Path) -> tuple[str, dict[str, str]]:
    """Return the path of uv and the environment variables to run it with.

    Raises:
        NotFetched: uv is neither installed nor available.
        subprocess.CalledProcessError: pip could not install it.

    """
    environment = index_settings.for_uv(os.environ)
    found = shutil.which("uv")
    if found and _version(found) >= MIN_VERSION:
        return found, environment
    tools = project / ".tools"
    # The fetched uv must not write outside the project.
    environment.setdefault("UV_CACHE_DIR", str(tools / "cache"))
    pinned = project / "requirements" / "uv.txt"
    target = tools / f"uv-{hashlib.sha256(pinned.read_bytes()).hexdigest()[:12]}"
    if not target.exists():
        _fetch(pinned, target)
    return str(target / "bin" / "uv"), environment


def _version(uv: str) -> tuple[int, ...]:
    output = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(number) for number in re.findall(r"\d+", output)[:2])


def _fetch(pinned: Path, target: Path) -> None:
    """Install uv into `target`, atomically."""
    part = target.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    if importlib.util.find_spec("pip"):
        _install_with_pip(sys.executable, pinned, part)
    elif importlib.util.find_spec("ensurepip"):
        venv = target.with_name("pip")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        _install_with_pip(str(venv / "bin" / "python"), pinned, part)
    else:
        _download(pinned, part)
    part.replace(target)


def _install_with_pip(python: str, pinned: Path, target: Path) -> None:
    # `user = true` in a user's pip configuration conflicts with --target.
    environment = {**os.environ, "PIP_USER": "0", "PIP_ROOT_USER_ACTION": "ignore"}
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", f"--target={target}"]
    subprocess.run([python, "-m", "pip", "install", *options, "-r", str(pinned)], check=True, env=environment)


def _download(pinned: Path, target: Path) -> None:
    index = index_settings.index_url(os.environ)
    if not index:
        raise NotFetched(
            "This Python has neither pip nor ensurepip, so uv cannot be fetched. Install pip or uv with this system's "
            "package manager (on Debian: apt-get install python3-pip), or set UV_DEFAULT_INDEX to your package index."
        )
    hashes = set(re.findall(r"sha256:([0-9a-f]{64})", pinned.read_text()))
    page_url, page = _get(f"{index.rstrip('/')}/uv/", index)
    _, wheel = _get(_wheel_url(page_url, page, hashes), index)
    if hashlib.sha256(wheel).hexdigest() not in hashes:
        raise NotFetched("The uv of the package index does not match the pinned hash; nothing was installed.")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        script = next(name for name in archive.namelist() if name.endswith(".data/scripts/uv"))
        binary = target / "bin" / "uv"
        binary.parent.mkdir(parents=True)
        binary.write_bytes(archive.read(script))
        binary.chmod(0o755)


def _wheel_url(page_url: str, body: bytes, hashes: set[str]) -> str:
    """Find the pinned wheel for this platform on the page of the package index; return its URL."""
    if body.lstrip().startswith(b"{"):
        links = [f"{file['url']}#sha256={file['hashes'].get('sha256', '')}" for file in json.loads(body)["files"]]
    else:
        links = _Links(body.decode()).links
    system = {"darwin": "macosx"}.get(sys.platform, "manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux")
    for link in links:
        url, _, digest = urllib.parse.urljoin(page_url, link).partition("#sha256=")
        name = urllib.parse.urlsplit(url).path.rpartition("/")[2]
        if digest in hashes and system in name and name.endswith(f"{platform.machine()}.whl"):
            return url
    raise NotFetched(f"The package index has no pinned uv for {system} on {platform.machine()}: install uv yourself.")


class _Links(html.parser.HTMLParser):
    """Collects the targets of a page's links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.extend(value for name, value in attrs if name == "href" and value)


def _get(url: str, index: str) -> tuple[str, bytes]:
    """Return the final URL and the content of a page. Credentials of the index are sent to the index only."""
    parts, login = urllib.parse.urlsplit(url), urllib.parse.urlsplit(index)
    if parts.scheme not in {"http", "https"}:
        raise NotFetched(
            f"Package index URLs with the scheme {parts.scheme or '(none)'} are not supported: use http or https."
        )
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    request = urllib.request.Request(bare.geturl(), headers={"Accept": SIMPLE_INDEX})  # noqa: S310 - scheme checked
    if login.username and bare.netloc == login.netloc.rpartition("@")[2]:
        header = index_settings.basic(login.username, login.password or "")
        request.add_unredirected_header("Authorization", header)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310 - scheme checked
            return response.geturl(), response.read()
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise NotFetched(f"The package index at {bare.netloc} does not answer: {reason}.") from None
