"""Exit a process, with a documented exit code.

The Temporal SDK can crash while the interpreter shuts down, after the work has succeeded. So a process flushes its
output and then exits immediately (`os._exit`), with the correct exit code.
"""

import contextlib
import errno
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from enum import IntEnum
from pathlib import Path
from typing import NoReturn, TextIO, cast

from landbridge.domain.errors import BadInput, LandbridgeError, NotFound, Refused


class Exit(IntEnum):
    """Exit codes of every command. They are documented: scripts rely on them."""

    DONE = 0
    FAILED = 1
    """The migration failed, or something unexpected happened."""
    BAD_INPUT = 2
    """A wrong argument, file or setting; nothing was changed."""
    REFUSED = 3
    """The migration's rules do not allow it."""
    UNREACHABLE = 4
    """Temporal cannot be reached."""
    NOT_FOUND = 5
    """There is no such migration or person."""
    INTERRUPTED = 130
    """Ctrl-C, by the convention of shells."""
    TERMINATED = 143
    """SIGTERM, by the convention of shells, for a process in which SIGTERM is not the normal way to stop."""


class TemporalUnreachable(LandbridgeError):
    """Temporal does not respond, or refuses our credentials."""


class KeyMissing(LandbridgeError):
    """Data in Temporal are encrypted with a key that is not configured."""


_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of a full disk, which are not a fault of the program."""
_EXIT_CODES = {
    BadInput: Exit.BAD_INPUT,
    KeyMissing: Exit.BAD_INPUT,
    Refused: Exit.REFUSED,
    TemporalUnreachable: Exit.UNREACHABLE,
    NotFound: Exit.NOT_FOUND,
}


def code_of(error: LandbridgeError) -> Exit:
    """Return the exit code for an error that was shown to a person."""
    return next((code for kind, code in _EXIT_CODES.items() if isinstance(error, kind)), Exit.FAILED)


def run(main: Callable[[], int | None] | Callable[[], Awaitable[int | None]]) -> NoReturn:
    """Run `main`, which may be async, and exit with the code that it returns; None is 0.

    A `LandbridgeError` is printed to stderr as a sentence; an unexpected error is logged with its traceback.
    """
    _reopen_standard_streams()
    code = _outcome(main)
    if not _flushed() and code == Exit.DONE:
        code = Exit.FAILED
    os._exit(code)


def _reopen_standard_streams() -> None:
    """Reopen closed standard streams (`<&-`, `>&-`) on /dev/null.

    Python sets a closed stream to None, and the next file or connection that is opened would get its descriptor.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, _dev_null(mode))


def _dev_null(mode: str) -> TextIO:
    return cast("TextIO", Path(os.devnull).open(mode, encoding="utf-8"))


def _outcome(main: Callable[[], int | None] | Callable[[], Awaitable[int | None]]) -> int:
    code: object
    try:
        result = main()
        code = _run_async(result) if isinstance(result, Awaitable) else result
    except LandbridgeError as error:
        _print_error(str(error))
        code = code_of(error)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output closed it.
        code = Exit.FAILED
    except SystemExit as system_exit:
        code = system_exit.code
    except BaseException as error:
        if not _reported_disk_full(error):
            logging.getLogger("landbridge").critical("unexpected_error", exc_info=True)
        code = Exit.FAILED
    if isinstance(code, str):
        _print_error(code)
        return Exit.FAILED
    return code if isinstance(code, int) else Exit.DONE


def _reported_disk_full(error: BaseException) -> bool:
    """Report that the output could not be written, if that is the error; return whether it is."""
    if not (isinstance(error, OSError) and error.errno in _DISK_FULL and error.filename is None):
        return False
    _print_error(f"The output could not be written: {error}.")
    # Otherwise the final flush would report the same error again.
    sys.stdout = _dev_null("w")
    return True


def _run_async(result: Awaitable[int | None]) -> int | None:
    # Imported on demand: asyncio takes longer to import than everything else that `--help` needs.
    import asyncio  # noqa: PLC0415

    async def main() -> int | None:
        # On SIGTERM, cancel the task, as on Ctrl-C, so that `main` closes its resources. `main` may override this.
        if (task := asyncio.current_task()) is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await result

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        return Exit.TERMINATED


def _print_error(sentence: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{sentence}\n")


def _flushed() -> bool:
    """Flush logs and output; if the output cannot be written, report the error and return False."""
    logging.shutdown()
    flushed = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            flushed = False
        except (OSError, ValueError) as error:
            _print_error(f"The output could not be written: {error}.")
            flushed = False
    return flushed
