"""Secrets of one installation: a master key made at first run, and named secrets derived from it."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path


def master_key(var: Path) -> bytes:
    """The installation's 32-byte key in var/secret.key (0600); made when absent."""
    path = var / "secret.key"
    try:
        return bytes.fromhex(path.read_text())
    except FileNotFoundError:
        var.mkdir(parents=True, exist_ok=True)
    fresh = var / f".secret.{os.getpid()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_bytes(32).hex())
    try:
        os.link(fresh, path)  # two first runs at once must end with one key
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return bytes.fromhex(path.read_text())


def secret(var: Path, name: str) -> str:
    """A password of 32 hexadecimal characters for `name` ("ari", "ami", "session", "phone:101"), the same at every run."""
    return hmac.new(master_key(var), name.encode(), hashlib.sha256).hexdigest()[:32]
