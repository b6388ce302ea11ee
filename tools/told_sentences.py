"""Finds what the code says to owners and admins in English, by its form: whole sentences, with values or without.

What workflows, activities and adapters tell stands in histories; pages and mails say it in their reader's language. So
every sentence in these modules has to be in the catalogues. Sentences that name a setting are for platform engineers,
who look them up as they are; so is what only the command line says.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_FOLDERS = (
    "activities",
    "landbridge/client",
    "landbridge/domain",
    "landbridge/integrations",
    "landbridge/portal/admin",
    "workflows",
)
_NOT_TOLD = (
    "activities/sign_in.py",
    "landbridge/integrations/http_client.py",
    "landbridge/integrations/link_tokens.py",
    "landbridge/integrations/atlassian/organization_survey.py",
    "landbridge/integrations/roster_files/*.py",
    "landbridge/integrations/atlassian/site_probe.py",
    "landbridge/domain/ids.py",
    "landbridge/domain/plan*.py",
    "landbridge/client/admins.py",
    "landbridge/client/cohorts.py",
    "landbridge/client/deletion.py",
    "landbridge/client/links.py",
    "workflows/admin_sign_in.py",
)
"""What only the command line says, an error that no page shows, or settings by name."""
_SENTENCE = re.compile(r"(?:[A-Z]|\{\w+\} [a-z]+ ).+[\w)}]\.", re.DOTALL)
_CLAUSE = re.compile(r"[a-z].* ")
_VALUE = re.compile(r"\{\w+\}")
_SETTING = "LANDBRIDGE_"
_CLAUSES = {
    "BadInput": 0,
    "Verdict": 1,
    "_note": 2,
    "_reason": 1,
    "execute_update_once": 0,
    "outcome": 1,
    "translate_rpc_errors": 0,
}
"""Which arguments of which calls are put into a sentence, or stand by themselves in a timeline."""
_LISTED = {
    "UNUSABLE",
    "_CAME_BACK",
    "_LINK_DECLINED",
    "_MAIL_REQUESTED",
    "_MAIL_SENT",
    "_RECIPIENT_REASONS",
    "_REFUSAL_WITHDRAWN",
    "_TWICE",
}
"""Constants whose texts are."""
_DESCRIBED = {"description", "summary", "static_summary", "timeout_summary"}
"""Arguments that only operators see, in Temporal's Web UI."""


def found(root: Path) -> Iterator[tuple[str, str]]:
    """Yield each sentence with its file, in the order of the files and of the lines in them."""
    for file in (file for folder in _FOLDERS for file in sorted((root / folder).glob("**/*.py"))):
        name = file.relative_to(root)
        if not any(name.match(pattern) for pattern in _NOT_TOLD):
            for sentence in dict.fromkeys(_reported(ast.parse(file.read_text()))):
                yield str(name), sentence


def _reported(module: ast.Module) -> Iterator[str]:
    clauses = set(_texts_of_clauses(module))
    for node in _texts(module):
        sentence = _written(node)
        if _SETTING not in sentence and (
            _SENTENCE.fullmatch(sentence) or (node in clauses and _CLAUSE.search(_VALUE.sub("", sentence)))
        ):
            yield sentence


def _texts_of_clauses(module: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = _CLAUSES.get(name)
            if place is not None and place < len(node.args):
                yield from _texts(node.args[place])
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in _LISTED:
            yield from _texts(node.value)


def _texts(node: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """Yield the texts in a piece of code, but neither docstrings nor descriptions nor keys."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node
        return
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.JoinedStr):
        yield node
        children = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    for child in children:
        is_docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        is_described = isinstance(child, ast.keyword) and child.arg in _DESCRIBED
        # These two are one sentence, in its forms for one and for many.
        is_counted = (
            isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute) and child.func.attr == "count"
        )
        if not (is_docstring or is_described or is_counted):
            yield from _texts(child)


def _written(text: ast.Constant | ast.JoinedStr) -> str:
    """Return a text as the catalogues have it: each value in braces, by the name that the code has for it."""
    if isinstance(text, ast.Constant):
        return str(text.value)
    names: list[str] = []
    parts = []
    for part in text.values:
        if isinstance(part, ast.FormattedValue):
            name = _name(part.value)
            names.append(name)
            parts.append(f"{{{name}{names.count(name) if names.count(name) > 1 else ''}}}")
        else:
            parts.append(str(part.value))  # type: ignore[attr-defined]  # the other parts are constants
    return "".join(parts)


def _name(value: ast.expr) -> str:
    """Return the last word that the code says for a value; of a call, what it is made of."""
    if isinstance(value, ast.Call):
        of_something = isinstance(value.func, ast.Attribute) and not isinstance(value.func.value, ast.Constant)
        if of_something or value.args:
            return _name(value.func.value if of_something else value.args[0])  # type: ignore[attr-defined]  # just looked at
    return [word[0] for word in re.finditer(r"[a-z]+(?:_[a-z]+)*", ast.unparse(value).casefold())][-1]
