"""Render emails. Each email is a folder with `subject.txt`, `body.txt` and `body.html`.

Sentences are in `{% trans %}` blocks; each language has a catalogue in `landbridge/i18n/`.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from landbridge import i18n
from landbridge.i18n import Language

Value = str | int | bool | Sequence[Mapping[str, str | int]]
"""The value of a template variable: a plain value, or the rows of a table."""

_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"
"""Invisible characters that names in Persian, Hindi and other languages need."""


@dataclass(frozen=True)
class Rendered:
    """The content of an email."""

    subject: str
    """One line."""
    sender: str
    """The sender's name, as mail programs show it."""
    language: str
    """The tag of its language."""
    text: str
    html: str


def plain(value: str) -> str:
    """Return an untrusted value as one line of visible text.

    Control characters, line breaks and invisible characters, such as those that change the direction of the
    text, are removed. Templates escape HTML.
    """
    visible = "".join(
        character
        if character in _JOINERS or unicodedata.category(character) not in _UNSAFE_CATEGORIES
        else " "
        if character.isspace()
        else ""
        for character in value
    )
    return re.sub(r"\s+", " ", visible).strip()


def render(folder: str, values: Mapping[str, Value], language: Language) -> Rendered:
    """Render the email in a folder, in a language.

    Raises:
        jinja2.UndefinedError: a value that the email needs is missing.

    """
    safe = {name: _safe(value, language) for name, value in values.items()}
    templates = _templates(language.tag)
    sender, subject, text, html = (
        templates.get_template(part).render(safe)
        for part in ("sender.txt", f"{folder}/subject.txt", f"{folder}/body.txt", f"{folder}/body.html")
    )
    return Rendered(
        subject=plain(subject),
        sender=plain(sender),
        language=language.tag,
        text=text.strip() + "\n",
        html=html.strip() + "\n",
    )


def _safe(value: Value, language: Language) -> Value:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [{name: _plain(cell, language) for name, cell in row.items()} for row in value]
    return _plain(value, language)


def _plain(value: str | int, language: Language) -> str | int:
    if isinstance(value, str):
        return plain(value)
    return value if isinstance(value, bool) else language.counted(value)


@cache
def _templates(tag: str) -> Environment:
    """Return the templates of a language. Each language has its own environment, so that macros are translated too."""
    language = i18n.negotiate(tag)
    left_to_right = language.direction == "ltr"
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    templates.policies["ext.i18n.trimmed"] = True
    # The extension adds this method at run time.
    templates.install_gettext_translations(language.translations, newstyle=True)  # type: ignore[attr-defined]
    # Mail programs do not support CSS `start` and `end`, so templates get the physical sides.
    start, end = ("left", "right") if left_to_right else ("right", "left")
    templates.globals.update(lang=language.tag, dir=language.direction, start=start, end=end)
    return templates
