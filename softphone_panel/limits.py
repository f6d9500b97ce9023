"""How often somebody may try: counted in Redis, in this process while Redis is away."""

from __future__ import annotations

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(get_remote_address, swallow_errors=True, headers_enabled=False)


def username_tried() -> str:
    """Whose password is being tried, so that one account cannot be guessed from many addresses."""
    return f"user:{request.form.get('username', '').strip().lower()[:64]}"
