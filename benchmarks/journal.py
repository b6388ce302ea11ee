"""The mail server's journal: what was sent, and how often."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

NONE = "-"
"""Stands where a mail has no link: it is a notice."""


class Journal:
    """Read as it grows."""

    def __init__(self, path: Path) -> None:
        path.touch()
        self._path = path
        self._read = 0
        self._times: Counter[str] = Counter()
        self._people: set[str] = set()

    def news(self) -> Iterator[tuple[str, str]]:
        """Yield Message-ID and link of each mail that came since the last call."""
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
        """Return how many mails came so far."""
        for _ in self.news():
            pass
        return self._times.total()

    def people(self, run: str = "") -> int:
        """Return how many people got a mail with a link; `run`: of this migration (see `domain.ids.run_of`)."""
        self.mails()
        return sum(f"{run}@" in message_id for message_id in self._people) if run else len(self._people)

    def sent_again(self) -> int:
        """Return how many of the mails had come before, by their Message-ID."""
        return self.mails() - len(self._times)
