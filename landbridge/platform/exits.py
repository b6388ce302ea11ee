"""The one way our processes end, and what their exit codes mean.

The Temporal SDK can crash while the interpreter shuts down, after correct work. So a process writes out what it has to
say and then leaves at once (`os._exit`), and its exit code is the one that it earned.
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
    """A wrong argument, file or setting; nothing was done."""
    REFUSED = 3
    """The migration's rules do not allow it."""
    UNREACHABLE = 4
    """Temporal cannot be reached."""
    NOT_FOUND = 5
    """There is no such migration or person."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it."""
    TERMINATED = 143
    """SIGTERM, as shells count it, where a process does not take it as its ordinary end."""


class TemporalUnreachable(LandbridgeError):
    """Temporal does not answer, or refuses our credentials."""


class KeyMissing(LandbridgeError):
    """Data in Temporal are encrypted with a key that is not among ours."""


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What a disk answers that takes no more: nothing of ours is wrong."""
_OF_ERRORS = {
    BadInput: Exit.BAD_INPUT,
    KeyMissing: Exit.BAD_INPUT,
    Refused: Exit.REFUSED,
    TemporalUnreachable: Exit.UNREACHABLE,
    NotFound: Exit.NOT_FOUND,
}


def code_of(error: LandbridgeError) -> Exit:
    """Return the exit code for an error whose sentence a person was shown."""
    return next((code for kind, code in _OF_ERRORS.items() if isinstance(error, kind)), Exit.FAILED)


def run(main: Callable[[], int | None] | Callable[[], Awaitable[int | None]]) -> NoReturn:
    """Run `main`, which may be async, and end the process with the code that it returns; None is 0.

    One of our errors ends it with its sentence on stderr; an unexpected one with its traceback in the log.
    """
    _open_what_is_closed()
    code = _outcome(main)
    if not _flushed() and code == Exit.DONE:
        code = Exit.FAILED
    os._exit(code)


def _open_what_is_closed() -> None:
    """Give whoever closed our input or output (`<&-`, `>&-`) one that is empty and one that takes all.

    Python leaves None in its place, and the next file or connection that is opened would get its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, _nothing(mode))


def _nothing(mode: str) -> TextIO:
    return cast("TextIO", Path(os.devnull).open(mode, encoding="utf-8"))


def _outcome(main: Callable[[], int | None] | Callable[[], Awaitable[int | None]]) -> int:
    code: object
    try:
        result = main()
        code = _awaited(result) if isinstance(result, Awaitable) else result
    except LandbridgeError as error:
        _say(str(error))
        code = code_of(error)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        code = Exit.FAILED
    except SystemExit as leaving:
        code = leaving.code
    except BaseException as error:
        if not _told_no_room(error):
            logging.getLogger("landbridge").critical("unexpected_error", exc_info=True)
        code = Exit.FAILED
    if isinstance(code, str):
        _say(code)
        return Exit.FAILED
    return code if isinstance(code, int) else Exit.DONE


def _told_no_room(error: BaseException) -> bool:
    """Say that the output was not taken, if that is what happened."""
    if not (isinstance(error, OSError) and error.errno in _NO_ROOM and error.filename is None):
        return False
    _say(f"The output could not be written: {error}.")
    # What was not taken would be told once more when it is written out.
    sys.stdout = _nothing("w")
    return True


def _awaited(result: Awaitable[int | None]) -> int | None:
    # Only for those who need it: asyncio takes longer to load than all else that lists the commands.
    import asyncio  # noqa: PLC0415

    async def main() -> int | None:
        # As asyncio does with Ctrl-C: what was opened is closed in good order. `main` may handle the signal otherwise.
        if (task := asyncio.current_task()) is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await result

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        return Exit.TERMINATED


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{sentence}\n")


def _flushed() -> bool:
    """Write out everything; return False, having said why if anyone can hear it, if the output could not be taken."""
    logging.shutdown()
    flushed = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            flushed = False
        except (OSError, ValueError) as error:
            _say(f"The output could not be written: {error}.")
            flushed = False
    return flushed
