"""The emulator's OpenAPI document, generated from the operations that it serves: `GET /openapi.json`.

It describes the emulated subset of the services' APIs.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
_VALIDATION: JsonSchemaMode = "validation"
_SCHEMES = {
    "GenieKey": {"type": "apiKey", "name": "Authorization", "in": "header"},
    "Bearer": {"type": "http", "scheme": "bearer"},
}


def record(properties: Mapping[str, Schema], *, optional: Sequence[str] = ()) -> Schema:
    """Return the schema of an object with exactly these properties."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def array(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def one_of(*values: str | int) -> Schema:
    """Return the schema of an enumeration."""
    return {"enum": list(values)}


def nullable(schema: Schema) -> Schema:
    """Return the schema of a value that may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


@dataclass(frozen=True)
class Operation:
    """An operation of the emulator: its route and its description."""

    method: str
    path: str
    endpoint: Callable[[Request], Awaitable[Response]]
    """The first line of its docstring is the summary."""
    answers: Mapping[int, Schema | None]
    """The schema of the response body by status code; None: no body."""
    security: str = ""
    """The security scheme; empty: no authentication."""
    query: Mapping[str, Schema] = field(default_factory=dict)
    """Query parameters; all are optional."""
    body: Any = None
    """The type of the request's JSON body; None: no body."""
    body_required: bool = True

    @property
    def route(self) -> Route:
        """The route that serves the operation."""
        return Route(self.path, self.endpoint, methods=[self.method])

    def describe(self) -> dict[str, Any]:
        """Return the OpenAPI operation."""
        names = [part[1:-1] for part in self.path.split("/") if part.startswith("{")]
        parameters = [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]
        parameters += [{"name": name, "in": "query", "schema": schema} for name, schema in self.query.items()]
        described: dict[str, Any] = {
            "operationId": getattr(self.endpoint, "__name__", self.path),
            "summary": (self.endpoint.__doc__ or "").partition("\n")[0],
            "parameters": parameters,
            "responses": {
                str(status): {"description": str(status), **({"content": _json(schema)} if schema else {})}
                for status, schema in self.answers.items()
            },
        }
        if self.security:
            described["security"] = [{self.security: []}]
        if self.body is not None:
            schema = TypeAdapter(self.body).json_schema(mode=_VALIDATION)
            described["requestBody"] = {"required": self.body_required, "content": _json(_inlined(schema))}
        return described


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = operation.describe()
    return {
        "openapi": "3.1.0",
        "info": {"title": "Landbridge's emulator of Opsgenie and Atlassian", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": _SCHEMES},
    }


def route(operations: Sequence[Operation]) -> Route:
    """Return the route of the document."""
    content = document(operations)

    async def get_document(_request: Request) -> Response:
        return JSONResponse(content)

    return Route("/openapi.json", get_document)


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _inlined(schema: dict[str, Any]) -> Schema:
    """Replace references with their definitions, because `#/$defs` would not resolve in the complete document."""
    definitions = schema.pop("$defs", {})

    def inline(node: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(node, dict):
            if "$ref" in node:
                return inline(definitions[str(node["$ref"]).removeprefix("#/$defs/")])
            return {name: inline(value) for name, value in node.items()}
        return [inline(value) for value in node] if isinstance(node, list) else node

    return dict(inline(schema))
