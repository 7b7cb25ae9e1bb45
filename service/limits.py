"""How much a request may ask for, and the body of a request read within it."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect, Request

from service.refusals import Refusal


class Limits(BaseModel):
    """What a request may ask for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_bytes: int = Field(default=32_000_000, gt=0, description="of a body; more is answered with 413")
    max_rows: int = Field(default=100_000, gt=0, description="of a request; more are answered with 413")
    max_seconds: float = Field(
        default=30.0, gt=0, description="for an answer, then 503; and for sending a body, then 408"
    )
    max_waiting: int = Field(default=32, gt=0, description="requests at work or waiting; one more is answered with 503")


async def read_body(request: Request, limits: Limits) -> bytes:
    """Read a body.

    Raises
    ------
    Refusal
        413 when it is too long, before it is read where its length is given; 408 when it does not arrive in time; 400
        when it ends early.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.max_bytes:
        raise _too_long(limits)
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.max_seconds):
            async for part in request.stream():
                size += len(part)
                if size > limits.max_bytes:
                    raise _too_long(limits)
                parts.append(part)
    except TimeoutError:
        raise Refusal(408, f"the body did not arrive within {limits.max_seconds:g} s") from None
    except ClientDisconnect:
        raise Refusal(400, "the body ended early") from None
    return b"".join(parts)


def check_rows(n_rows: int, limits: Limits) -> None:
    """Refuse too many rows.

    Raises
    ------
    Refusal
    """
    if n_rows > limits.max_rows:
        raise Refusal(413, f"{n_rows:,} rows are more than {limits.max_rows:,}: send them in several requests")


def _too_long(limits: Limits) -> Refusal:
    return Refusal(413, f"the body is longer than {limits.max_bytes:,} bytes: send the rows in several requests")
