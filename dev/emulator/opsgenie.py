"""The Opsgenie REST API v2: the account and its users.

Source: the published document https://docs.opsgenie.com/docs/opsgenie-openapi (operations getInfo, listUsers, getUser).
"""

import re
import uuid
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dev.emulator import store as stores
from dev.emulator.openapi import FLAG, NUMBER, TEXT, WHOLE, Operation, array, one_of, record
from dev.emulator.store import Row, Store

MAX_PAGE_SIZE = 100
MAX_OFFSET = 10_000_000
_SCHEME = "GenieKey "
_SORT = {"username": "username", "fullName": "full_name", "insertedAt": "number"}
_SEARCHABLE = {
    "username": "username",
    "fullName": "full_name",
    "role": "role",
    "locale": "locale",
    "timeZone": "time_zone",
    "createdAt": "created_at",
    "verified": "verified",
    "blocked": "blocked",
}
_BUILT_IN_ROLES = {"owner", "admin", "user", "stakeholder", "observer"}
_TOOK = 0.0
"""Seconds that the request took; the emulator does not measure them."""
_WORD = '(?:"[^"]*"|[!#-~]+)'
_QUERY = rf"(?:{'|'.join(_SEARCHABLE)}):{_WORD}(?: AND (?:{'|'.join(_SEARCHABLE)}):{_WORD})*"
"""The emulated part of the query language: `field:value` terms joined by AND."""
_TERM = re.compile(r'(\w+):(?:"([^"]*)"|([!#-~]+))')


class OpsgenieError(Exception):
    """An error response of Opsgenie."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def error_response(_request: Request, error: Exception) -> Response:
    """Return the response for an `OpsgenieError`."""
    status = error.status if isinstance(error, OpsgenieError) else 500
    return _answer({"message": str(error)}, status=status)


async def get_account(request: Request) -> Response:
    """Answer `GET /v2/account`."""
    store = stores.of(request)
    account = _authorise(request, store)
    users = store.number("SELECT count(*) FROM opsgenie_users WHERE account = ?", account["name"])
    plan = {"name": account["plan"], "maxUserCount": account["max_users"], "isYearly": True}
    return _answer({"data": {"name": account["name"], "userCount": users, "plan": plan}})


async def list_users(request: Request) -> Response:
    """Answer `GET /v2/users`: a page of at most 100."""
    store = stores.of(request)
    account = _authorise(request, store)
    limit = _number(request, "limit", default=MAX_PAGE_SIZE, minimum=1, maximum=MAX_PAGE_SIZE)
    offset = _number(request, "offset", default=0, minimum=0, maximum=MAX_OFFSET)
    sort = request.query_params.get("sortField", "username")
    order = request.query_params.get("order", "asc")
    if sort not in _SORT or order not in {"asc", "desc"}:
        raise OpsgenieError(422, "sortField or order is not valid")
    where, values = _filter(request.query_params.get("query"))
    source = f"FROM opsgenie_users WHERE account = ?{where}"
    total = store.number(f"SELECT count(*) {source}", account["name"], *values)
    users = store.rows(
        f"SELECT * {source} ORDER BY {_SORT[sort]} {order}, number LIMIT ? OFFSET ?",
        account["name"],
        *values,
        limit,
        offset,
    )
    paging = _paging(request, limit, offset, total)
    answer = _answer({"data": [_user(user) for user in users], "totalCount": total, "paging": paging})
    for name, url in paging.items():
        answer.headers[f"X-Paging-{name.title()}"] = url
    return answer


async def get_user(request: Request) -> Response:
    """Answer `GET /v2/users/{identifier}`, by id or username."""
    store = stores.of(request)
    account = _authorise(request, store)
    user = find_user(store, account["name"], request.path_params["identifier"])
    if user is None:
        raise OpsgenieError(404, "No user exists with the given identifier")
    return _answer({"data": _user(user), "expandable": ["contact"]})


def find_user(store: Store, account: str, identifier: str) -> Row | None:
    """Return the user of an account by id or username."""
    return store.row(
        "SELECT * FROM opsgenie_users WHERE account = ? AND (id = ? OR username = ? COLLATE NOCASE)",
        account,
        identifier,
        identifier,
    )


def _authorise(request: Request, store: Store) -> Row:
    header = request.headers.get("Authorization", "")
    account = store.row("SELECT * FROM opsgenie_accounts WHERE api_key = ?", header.removeprefix(_SCHEME))
    if account is None or not header.startswith(_SCHEME):
        raise OpsgenieError(401, "API key is not valid")
    if account["key_restricted"]:
        raise OpsgenieError(403, "API key is restricted from configuration access")
    return account


def _number(request: Request, name: str, *, default: int, minimum: int, maximum: int) -> int:
    value = request.query_params.get(name, str(default))
    if not re.fullmatch(r"-?[0-9]{1,9}", value) or not minimum <= int(value) <= maximum:
        raise OpsgenieError(422, f"{name} should be a number from {minimum} to {maximum}")
    return int(value)


def _filter(query: str | None) -> tuple[str, list[object]]:
    if query is None:
        return "", []
    if not re.fullmatch(_QUERY, query):
        raise OpsgenieError(422, "query is not valid")
    conditions, values = "", list[object]()
    for field, quoted, plain in _TERM.findall(query):
        value = quoted or plain
        flag = {"true": 1, "false": 0}.get(value.casefold())
        conditions += f" AND {_SEARCHABLE[field]} = ? COLLATE NOCASE"
        values.append(value if flag is None else flag)
    return conditions, values


def _paging(request: Request, limit: int, offset: int, total: int) -> dict[str, str]:
    last = max(0, (total - 1) // limit * limit)
    pages = {"first": 0, "last": last}
    if offset + limit < total:
        pages["next"] = offset + limit
    if offset > 0:
        pages["prev"] = max(0, offset - limit)
    others = {name: value for name, value in request.query_params.items() if name not in {"limit", "offset"}}
    return {
        name: str(request.url.replace(query=urlencode({**others, "limit": limit, "offset": start})))
        for name, start in pages.items()
    }


def _user(row: Row) -> Row:
    role = row["role"].title() if row["role"] in _BUILT_IN_ROLES else row["role"]
    return {
        "id": row["id"],
        "username": row["username"],
        "fullName": row["full_name"],
        "role": {"id": role, "name": role},
        "blocked": bool(row["blocked"]),
        "verified": bool(row["verified"]),
        "locale": row["locale"],
        "timeZone": row["time_zone"],
        "userAddress": {"country": "", "state": "", "city": "", "line": "", "zipCode": ""},
        "createdAt": row["created_at"],
    }


def _answer(body: Row, status: int = 200) -> JSONResponse:
    request_id = str(uuid.uuid4())
    headers = {"X-Request-ID": request_id, "X-Response-Time": str(_TOOK), "X-RateLimit-State": "OK"}
    return JSONResponse({**body, "took": _TOOK, "requestId": request_id}, status_code=status, headers=headers)


_META = {"took": NUMBER, "requestId": TEXT}
_ERROR = record({"message": TEXT, **_META})
_ROLE = record({"id": TEXT, "name": TEXT})
_USER = record(
    {
        "id": TEXT,
        "username": TEXT,
        "fullName": TEXT,
        "role": _ROLE,
        "blocked": FLAG,
        "verified": FLAG,
        "locale": TEXT,
        "timeZone": TEXT,
        "userAddress": record(dict.fromkeys(("country", "state", "city", "line", "zipCode"), TEXT)),
        "createdAt": TEXT,
    }
)
_PLAN = record({"name": TEXT, "maxUserCount": WHOLE, "isYearly": FLAG})
_ACCOUNT = record({"name": TEXT, "userCount": WHOLE, "plan": _PLAN})
_LINKS = record(dict.fromkeys(("first", "last", "next", "prev"), TEXT), optional=["next", "prev"])
_ACCESS_ERRORS = {401: _ERROR, 403: _ERROR, 429: _ERROR}
_LIST = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE},
    "offset": {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET},
    "sortField": one_of(*_SORT),
    "order": one_of("asc", "desc"),
    "query": {"type": "string", "pattern": f"^{_QUERY}$"},
}
OPERATIONS = [
    Operation(
        "GET", "/v2/account", get_account, {200: record({"data": _ACCOUNT, **_META}), **_ACCESS_ERRORS}, "GenieKey"
    ),
    Operation(
        "GET",
        "/v2/users",
        list_users,
        {
            200: record({"data": array(_USER), "totalCount": WHOLE, "paging": _LINKS, **_META}),
            422: _ERROR,
            **_ACCESS_ERRORS,
        },
        "GenieKey",
        query=_LIST,
    ),
    Operation(
        "GET",
        "/v2/users/{identifier}",
        get_user,
        {200: record({"data": _USER, "expandable": array(TEXT), **_META}), 404: _ERROR, **_ACCESS_ERRORS},
        "GenieKey",
    ),
]
