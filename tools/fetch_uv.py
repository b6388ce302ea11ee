"""Finds uv, which installs everything else in seconds, or fetches the pinned one into `.tools/`."""

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

OLDEST = (0, 8)
"""The first uv that does all that is asked of it here; an older one on the PATH is passed over."""
SIMPLE_INDEX = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
"""What is asked of a package index: the JSON of PEP 691, or the HTML of PEP 503."""
_TIMEOUT = 60


class NotFetched(Exception):
    """uv is not there and cannot be fetched; the sentence says what to do."""


def find_or_fetch(project: Path) -> tuple[str, dict[str, str]]:
    """Return the path of uv and the environment to run it in.

    Raises:
        NotFetched: there is none, and none can be had.
        subprocess.CalledProcessError: pip could not install it.

    """
    environment = index_settings.for_uv(os.environ)
    found = shutil.which("uv")
    if found and _version(found) >= OLDEST:
        return found, environment
    tools = project / ".tools"
    # Outside the project nothing changes: what the fetched uv downloads stays beside it.
    environment.setdefault("UV_CACHE_DIR", str(tools / "cache"))
    pinned = project / "requirements" / "uv.txt"
    place = tools / f"uv-{hashlib.sha256(pinned.read_bytes()).hexdigest()[:12]}"
    if not place.exists():
        _fetch(pinned, place)
    return str(place / "bin" / "uv"), environment


def _version(uv: str) -> tuple[int, ...]:
    said = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(number) for number in re.findall(r"\d+", said)[:2])


def _fetch(pinned: Path, place: Path) -> None:
    """Install uv into `place`, which is there whole or not at all."""
    part = place.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    if importlib.util.find_spec("pip"):
        _by_pip(sys.executable, pinned, part)
    elif importlib.util.find_spec("ensurepip"):
        ours = place.with_name("pip")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ours)], check=True)
        _by_pip(str(ours / "bin" / "python"), pinned, part)
    else:
        _from_index(pinned, part)
    part.replace(place)


def _by_pip(python: str, pinned: Path, target: Path) -> None:
    # A user's own `user = true` cannot go with --target, and nothing is installed for root at large.
    environment = {**os.environ, "PIP_USER": "0", "PIP_ROOT_USER_ACTION": "ignore"}
    options = ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", f"--target={target}"]
    subprocess.run([python, "-m", "pip", "install", *options, "-r", str(pinned)], check=True, env=environment)


def _from_index(pinned: Path, target: Path) -> None:
    index = index_settings.index_url(os.environ)
    if not index:
        raise NotFetched(
            "This Python has neither pip nor ensurepip, so uv cannot be fetched. Install pip or uv with this system's "
            "package manager (on Debian: apt-get install python3-pip), or set UV_DEFAULT_INDEX to your package index."
        )
    hashes = set(re.findall(r"sha256:([0-9a-f]{64})", pinned.read_text()))
    address, page = _get(f"{index.rstrip('/')}/uv/", index)
    _, wheel = _get(_our_wheel(address, page, hashes), index)
    if hashlib.sha256(wheel).hexdigest() not in hashes:
        raise NotFetched("The package index offers a uv that is not the pinned one; nothing was installed.")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        script = next(name for name in archive.namelist() if name.endswith(".data/scripts/uv"))
        binary = target / "bin" / "uv"
        binary.parent.mkdir(parents=True)
        binary.write_bytes(archive.read(script))
        binary.chmod(0o755)


def _our_wheel(address: str, body: bytes, hashes: set[str]) -> str:
    """Return the URL of the pinned wheel for this machine from the index's page at `address`."""
    if body.lstrip().startswith(b"{"):
        links = [f"{file['url']}#sha256={file['hashes'].get('sha256', '')}" for file in json.loads(body)["files"]]
    else:
        links = _Links(body.decode()).links
    system = {"darwin": "macosx"}.get(sys.platform, "manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux")
    for link in links:
        url, _, digest = urllib.parse.urljoin(address, link).partition("#sha256=")
        name = urllib.parse.urlsplit(url).path.rpartition("/")[2]
        if digest in hashes and system in name and name.endswith(f"{platform.machine()}.whl"):
            return url
    raise NotFetched(f"The package index has no uv for {system} on {platform.machine()}; install uv by other means.")


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
    """Return the final address and the content of a page; the index's own login goes to the index alone."""
    parts, login = urllib.parse.urlsplit(url), urllib.parse.urlsplit(index)
    if parts.scheme not in {"http", "https"}:
        raise NotFetched(
            f"A package index over {parts.scheme or 'no scheme'} is not supported here; use http or https."
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
        raise NotFetched(f"The package index does not answer ({bare.netloc}): {reason}.") from None
