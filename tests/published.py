"""Validates requests and responses against OpenAPI documents (3.x or Swagger 2.0). They are not in this repository."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jsonschema_rs

APIS = Path(__file__).parents[2] / "shared" / "apis"
MISSING = f"the published OpenAPI documents are not in {APIS}"
_KEPT = (
    "type",
    "enum",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "pattern",
)
_COMBINED = ("allOf", "anyOf", "oneOf")
Node = Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """A request as it was sent."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    authorization: str = ""


class Document:
    """One OpenAPI document. Everything that it does not mention is an error."""

    def __init__(self, content: Mapping[str, Any], *, scheme: str = "", prefix: str = "") -> None:
        """`scheme` begins the `Authorization` header; `prefix` precedes the document's paths."""
        self._content = content
        self._scheme = scheme
        self._prefix = prefix

    def knows(self, path: str) -> bool:
        """Return whether the document describes a path."""
        return path.startswith(self._prefix) and self._find(path) is not None

    def check_request(self, sent: Sent) -> None:
        """Fail unless the document allows this request."""
        operation, parameters = self._operation(sent.method, sent.path)
        assert sent.authorization.startswith(self._scheme)
        given = parse_qs(sent.query, keep_blank_values=True, strict_parsing=bool(sent.query))
        queries = {one["name"]: one for one in parameters if one["in"] == "query"}
        assert given.keys() <= queries.keys(), f"{given.keys() - queries.keys()} are not documented"
        assert {name for name, one in queries.items() if one.get("required") is True} <= given.keys()
        for name, values in given.items():
            self._validate(queries[name].get("schema", queries[name]), _read(queries[name], values))
        content = self._follow(operation.get("requestBody", {}))
        if sent.body:
            self._validate(content["content"]["application/json"]["schema"], json.loads(sent.body))
        else:
            assert not content.get("required")

    def check_answer(self, method: str, path: str, status: int, body: object) -> None:
        """Fail unless the document allows this response to this operation."""
        operation, _ = self._operation(method, path)
        answers = operation["responses"]
        documented = answers.get(str(status), answers.get("default"))
        assert documented, f"{method} {path}: {status} is not documented"
        answer = self._follow(documented)
        # Some responses are documented by their status only.
        if schema := answer.get("schema") or answer.get("content", {}).get("application/json", {}).get("schema"):
            self._validate(schema, body)

    def _validate(self, schema: Node, value: object) -> None:
        validator = jsonschema_rs.Draft202012Validator(self._plain(schema))
        problems = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]
        assert not problems, problems

    def _operation(self, method: str, path: str) -> tuple[Node, list[Node]]:
        item = self._find(path)
        assert item is not None, f"{path} is not documented"
        assert method.lower() in item, f"{method} {path} is not documented"
        operation = item[method.lower()]
        return operation, [self._follow(one) for one in (*item.get("parameters", ()), *operation.get("parameters", ()))]

    def _find(self, path: str) -> Node | None:
        """Return the path item; if several match, the item with the fewest parameters."""
        plain = path.removeprefix(self._prefix)
        templates = (
            name for name in self._content["paths"] if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", name), plain)
        )
        best = min(templates, key=lambda name: name.count("{"), default=None)
        return None if best is None else self._content["paths"][best]

    def _follow(self, node: Node) -> Node:
        while "$ref" in node:
            target: Any = self._content
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/")]
            node = target
        return node

    def _plain(self, node: Node, *, closed: bool = True, within: tuple[int, ...] = ()) -> dict[str, Any]:
        """Return a schema as plain JSON Schema: without `nullable` and without references into the document."""
        node = self._follow(node)
        if id(node) in within:
            return {}
        inner = (*within, id(node))
        schema: dict[str, Any] = {
            name: node[name] for name in _KEPT if name in node and not _is_misplaced_bound(node, name)
        }
        if isinstance(node.get("required"), list):
            schema["required"] = node["required"]
        if "properties" in node:
            schema["properties"] = {name: self._plain(one, within=inner) for name, one in node["properties"].items()}
        if isinstance(node.get("items"), Mapping):
            schema["items"] = self._plain(node["items"], within=inner)
        for name in (name for name in _COMBINED if name in node):
            schema[name] = [self._plain(one, closed=False, within=inner) for one in node[name]]
        others = node.get("additionalProperties")
        if others is not None:
            schema["additionalProperties"] = (
                self._plain(others, within=inner) if isinstance(others, Mapping) else others
            )
        elif closed and ("properties" in schema or "allOf" in schema):
            schema["unevaluatedProperties"] = False
        return {"anyOf": [schema, {"type": "null"}]} if node.get("nullable") else schema


def _is_misplaced_bound(node: Node, name: str) -> bool:
    """Whether the document sets bounds of a number on a list."""
    return node.get("type") == "array" and name in {"minimum", "maximum"}


def _read(parameter: Node, values: list[str]) -> object:
    kind = parameter.get("schema", parameter).get("type")
    if kind == "array":
        return values
    assert len(values) == 1
    return int(values[0]) if kind == "integer" and values[0].isdecimal() else values[0]


@cache
def published() -> tuple[Document, ...]:
    """Return the published documents; none where they are missing."""
    if not APIS.is_dir():
        return ()
    opsgenie, atlassian = (
        json.loads((APIS / name).read_bytes()) for name in ("opsgenie_swagger.json", "atlassian_org_openapi.json")
    )
    return Document(opsgenie, scheme="GenieKey "), Document(atlassian, scheme="Bearer ", prefix="/admin")
