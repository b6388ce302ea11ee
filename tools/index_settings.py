"""Which package index this machine uses: what pip was told holds for uv too, which does not read pip's settings."""

import base64
import configparser
import re
import sys
import urllib.parse
from collections.abc import Mapping
from pathlib import Path


def for_uv(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with pip's index and certificates handed to uv, where uv has none of its own."""
    told = dict(environment)
    if not {"UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_CONFIG_FILE"} & told.keys() and (index := index_url(environment)):
        told["UV_DEFAULT_INDEX"] = index
    links = environment.get("PIP_FIND_LINKS", "")
    if links:
        told.setdefault("UV_FIND_LINKS", ",".join(links.split()))
    certificates = environment.get("PIP_CERT") or _from_pip(environment, "cert")
    if certificates:
        told.setdefault("SSL_CERT_FILE", certificates)
    return told


def index_url(environment: Mapping[str, str]) -> str:
    """Return the URL of the package index that uv or pip was told to use; empty: none was named."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        if environment.get(name):
            # uv's newer variable may carry a name for the index before the URL.
            return re.sub(r"^[\w.-]+=(?=\w+:)", "", environment[name])
    return _from_pip(environment, "index-url")


def basic(user: str, password: str) -> str:
    """Return the header that signs in with what stood in an index's URL."""
    pair = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _from_pip(environment: Mapping[str, str], option: str) -> str:
    parser = configparser.RawConfigParser()
    parser.read(_pip_files(environment), encoding="utf-8")
    for section in ("install", "global"):
        if parser.has_option(section, option):
            return parser.get(section, option).strip()
    return ""


def _pip_files(environment: Mapping[str, str]) -> list[Path]:
    """Return the places where pip looks for its settings, the strongest last."""
    home = Path("~").expanduser()
    shared = environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")
    own = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    files = [Path(folder, "pip", "pip.conf") for folder in shared]
    files += [
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        home / "Library" / "Application Support" / "pip" / "pip.conf",
        own / "pip" / "pip.conf",
        Path(sys.prefix, "pip.conf"),
    ]
    return [*files, Path(environment["PIP_CONFIG_FILE"])] if environment.get("PIP_CONFIG_FILE") else files
