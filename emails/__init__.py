"""The emails: a folder each with `subject.txt`, `body.txt` and `body.html`, filled in here and nowhere else.

The sentences stand in `{% trans %}` blocks: another language is another gettext catalogue.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

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


def render(folder: str, values: Mapping[str, Value]) -> Rendered:
    """Fill in the email of a folder.

    Raises:
        jinja2.UndefinedError: a value is missing that the email needs.

    """
    safe = {name: _safe(value) for name, value in values.items()}
    subject, text, html = (
        _TEMPLATES.get_template(f"{folder}/{part}").render(safe) for part in ("subject.txt", "body.txt", "body.html")
    )
    return Rendered(subject=plain(subject), text=text.strip() + "\n", html=html.strip() + "\n")


def _safe(value: Value) -> Value:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, int):
        return value
    return [{name: plain(cell) if isinstance(cell, str) else cell for name, cell in row.items()} for row in value]


def _load_templates() -> Environment:
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
    templates.install_null_translations(newstyle=True)  # type: ignore[attr-defined]
    return templates


_TEMPLATES = _load_templates()
