"""How often somebody may try: counted in Redis, in this process while Redis is away."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(get_remote_address, swallow_errors=True, headers_enabled=False)


def guess() -> str:
    """Who tries whose password. Not the name alone: a stranger's guesses must not keep an operator from their shift."""
    return f"{get_remote_address()} {request.form.get('username', '').strip().lower()[:64]}"


def refused(response: Response) -> bool:
    """Only wrong passwords count: a whole shift signs in from one address."""
    return response.status_code == HTTPStatus.UNAUTHORIZED
