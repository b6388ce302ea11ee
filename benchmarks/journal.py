"""The mail server's journal: a line for each accepted mail."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

NONE = "-"
"""Marks a mail without a link, which is a notice."""


class Journal:
    """Reads the journal while it grows."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._path = path
        self._read = 0
        self._times: Counter[str] = Counter()
        self._people: set[str] = set()

    def read_new(self) -> Iterator[tuple[str, str]]:
        """Yield the Message-ID and the link of each mail since the last call."""
        with self._path.open("rb") as lines:
            lines.seek(self._read)
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                message_id, _, link = line.decode().strip().partition(" ")
                self._times[message_id] += 1
                if link != NONE:
                    self._people.add(message_id)
                yield message_id, link

    def mails(self) -> int:
        """Return the number of mails so far."""
        for _ in self.read_new():
            pass
        return self._times.total()

    def people(self, run: str = "") -> int:
        """Return the number of people with a link mail; `run` selects one migration (see `domain.ids.run_of`)."""
        self.mails()
        return sum(f"{run}@" in message_id for message_id in self._people) if run else len(self._people)

    def resent(self) -> int:
        """Return the number of mails whose Message-ID had arrived before."""
        return self.mails() - len(self._times)
