"""A password that a system makes and a person types once: short groups without letters that look alike."""

import secrets

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""31 signs, without i, l, o, 0 and 1: 16 of them are 79 bits."""
GROUPS, IN_A_GROUP = 4, 4


def new_password() -> str:
    """E.g. "k7mf-x3qd-9wte-bh2a"."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(IN_A_GROUP)) for _ in range(GROUPS))
