"""What a client is told when something is wrong: JSON of one plain line."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from app.engine import Busy, Late
from app.service import wire
from app.service.guard import BROKEN

GONE = "this segment is no longer kept: ask the question again"
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": wire.Problem, "description": "the picture, the question or a value cannot be read"},
    401: {"model": wire.Problem, "description": "the token is missing or wrong"},
    413: {"model": wire.Problem, "description": "the request is too large"},
    503: {"model": wire.Problem, "description": "too many wait: try again after Retry-After seconds"},
    504: {"model": wire.Problem, "description": "it took too long"},
}


def answer(api: FastAPI) -> None:
    """Every fault is JSON of one plain line."""

    @api.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return _problem(400, first(error.errors()))

    @api.exception_handler(HTTPException)
    async def refused(_: Request, error: HTTPException) -> Response:
        known = {404: "there is nothing at this address: see /openapi.json", 405: "another method is needed here"}
        line = error.detail if error.detail == GONE else known.get(error.status_code, str(error.detail))
        return _problem(error.status_code, line)

    @api.exception_handler(Busy)
    async def busy(_: Request, error: Busy) -> Response:
        return _problem(503, str(error), {"Retry-After": "5"})

    @api.exception_handler(Late)
    async def late(_: Request, error: Late) -> Response:
        return _problem(504, str(error))

    @api.exception_handler(ValueError)
    async def wrong(_: Request, error: ValueError) -> Response:
        return _problem(400, str(error))

    @api.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:
        return _problem(500, BROKEN)  # raised again then, for the log


def _problem(status: int, line: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": " ".join(line.split())[:500]}, status, headers)


def first(errors: Any) -> str:
    """The first thing that is wrong with a request, without what was sent: that may be a picture."""
    error = next(iter(errors), {"loc": (), "msg": "cannot be read"})
    words = [str(part)[:40] for part in error["loc"] if part != "body"]
    line = str(error["msg"])
    line = "is no valid JSON" if error.get("type") == "json_invalid" else line[:1].lower() + line[1:]
    where = ".".join(words) if words and error.get("type") != "json_invalid" else "the request"
    return f"{where}: {line[:200]}"
