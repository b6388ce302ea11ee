"""Runs a PostgreSQL server in an empty folder: `python -m benchmarks.postgresql FOLDER PORT`.

PostgreSQL refuses to run as root, so root switches to the user `postgres`, which the package creates.
"""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

from dev.stack.ports import HOST

USER = "bench"
_DEBIAN = Path("/usr/lib/postgresql")
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    # As durable as SQLite with `synchronous=1`: commits are written to the kernel, so they survive killed processes.
    "fsync": "off",
    "max_connections": "200",
    "shared_buffers": "128MB",
}


def binary(name: str) -> str:
    """Return the path of a PostgreSQL program of the newest version; empty: not installed."""
    newest = max(_DEBIAN.glob(f"[0-9]*/bin/{name}"), key=lambda path: int(path.parts[-3]), default=None)
    return str(newest) if newest else shutil.which(name) or ""


def main() -> None:
    """Create the database cluster if it does not exist, and replace this process with the server."""
    folder, port = Path(sys.argv[1]), sys.argv[2]
    folder.mkdir(exist_ok=True, mode=0o700)
    os.chdir(folder)
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    if not (folder / "PG_VERSION").exists():
        options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--no-locale", "--no-sync"]
        subprocess.run([binary("initdb"), *options, str(folder)], check=True)
    settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
    os.execv(binary("postgres"), ["postgres", "-D", str(folder), "-p", port, *settings])  # noqa: S606 - no shell is needed


if __name__ == "__main__":
    main()
