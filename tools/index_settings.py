"""Finds the package index, and passes pip's settings to uv, which does not read them."""

import base64
import configparser
import re
import sys
import urllib.parse
from collections.abc import Mapping
from pathlib import Path


def for_uv(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment, with pip's index and certificates for uv unless uv has its own settings."""
    settings = dict(environment)
    if not {"UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_CONFIG_FILE"} & settings.keys() and (
        index := index_url(environment)
    ):
        settings["UV_DEFAULT_INDEX"] = index
    links = environment.get("PIP_FIND_LINKS", "")
    if links:
        settings.setdefault("UV_FIND_LINKS", ",".join(links.split()))
    certificates = environment.get("PIP_CERT") or _from_pip(environment, "cert")
    if certificates:
        settings.setdefault("SSL_CERT_FILE", certificates)
    return settings


def index_url(environment: Mapping[str, str]) -> str:
    """Return the URL of the package index in the settings of uv or pip; empty: none is set."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        if environment.get(name):
            # UV_DEFAULT_INDEX may have a name in front of the URL: `name=https://…`.
            return re.sub(r"^[\w.-]+=(?=\w+:)", "", environment[name])
    return _from_pip(environment, "index-url")


def basic(user: str, password: str) -> str:
    """Return the Authorization header for the user and password in an index URL."""
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
    """Return the paths of pip's configuration files; later files override earlier ones."""
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
