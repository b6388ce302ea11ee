"""The emails: a folder each with `subject.txt`, `body.txt` and `body.html`, filled in here and nowhere else.

The sentences stand in `{% trans %}` blocks: another language is another catalogue in `landbridge/i18n/`.
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
"""What a template may be given: plain values, and rows of a table."""

_NOT_PLAIN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"
"""Invisible letters that names in Persian, Hindi and other languages cannot be written without."""


@dataclass(frozen=True)
class Rendered:
    """An email as its reader sees it."""

    subject: str
    """One line."""
    sender: str
    """The sender's name, as mail programs show it."""
    language: str
    """The tag of the language that it is in."""
    text: str
    html: str


def plain(value: str) -> str:
    """Return a value from outside as one line that cannot pretend to be anything else.

    Control characters, line breaks and the invisible characters that turn the direction of writing are taken out.
    HTML is escaped where HTML is written: by the templates.
    """
    visible = "".join(
        letter
        if letter in _JOINERS or unicodedata.category(letter) not in _NOT_PLAIN
        else " "
        if letter.isspace()
        else ""
        for letter in value
    )
    return re.sub(r"\s+", " ", visible).strip()


def render(folder: str, values: Mapping[str, Value], language: Language) -> Rendered:
    """Fill in the email of a folder, in a language.

    Raises:
        jinja2.UndefinedError: a value is missing that the email needs.

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
    """Return the templates in a language: an environment each, so that macros of other files are in it too."""
    language = i18n.negotiate(tag)
    rightwards = language.direction == "ltr"
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
    # The extension puts this method there when it is loaded, which types cannot tell.
    templates.install_gettext_translations(language.translations, newstyle=True)  # type: ignore[attr-defined]
    # Mail programs know no `start` and `end`: the sides stand in the templates by name.
    start, end = ("left", "right") if rightwards else ("right", "left")
    templates.globals.update(lang=language.tag, dir=language.direction, start=start, end=end)
    return templates
