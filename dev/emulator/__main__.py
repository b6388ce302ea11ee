"""Serves the emulated Opsgenie and Atlassian APIs until stopped."""

import argparse
import socket
import sys
from pathlib import Path

import uvicorn
from pydantic import ValidationError

from dev.emulator import app, seed
from dev.emulator.seed import Seed


def main() -> int:
    """Serve; return the exit code: 2 for bad arguments."""
    parser = argparse.ArgumentParser(prog="python -m dev.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081, help="0: any free port")
    parser.add_argument("--database", type=Path, required=True, help="SQLite file; created if it does not exist")
    parser.add_argument("--seed", type=Path, help="loaded only if its Opsgenie account does not exist yet")
    arguments = parser.parse_args()
    application = app.build(arguments.database)
    if arguments.seed is not None:
        try:
            document = Seed.model_validate_json(arguments.seed.read_bytes())
        except (OSError, ValidationError) as error:
            sys.stderr.write(f"Cannot use the seed {arguments.seed}: {error}\n")
            return 2
        if not seed.is_loaded(application.state.store, document):
            seed.load(application.state.store, document)
    try:
        listener = socket.create_server((arguments.host, arguments.port))
    except OSError as error:
        sys.stderr.write(f"Cannot listen on {arguments.host}:{arguments.port}: {error.strerror}\n")
        return 2
    # Accepted connections inherit this option; asyncio sets it only on sockets that it creates. Without it, each
    # response body waits 40 ms for the acknowledgement of the headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sys.stdout.write(f"Emulator on http://{arguments.host}:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    # Longer than clients keep idle connections, so that no client sends a request on a connection that closes.
    config = uvicorn.Config(application, log_level="warning", access_log=False, timeout_keep_alive=75)
    uvicorn.Server(config).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
