"""Where a demo lives: its own database, recordings and installation, heard on this machine only."""

from front_door import places

DEFAULTS = {
    "HOTLINE_VAR": str(places.HOUSE / "var" / "demo"),
    "HOTLINE_RECORDINGS": str(places.HOUSE / "recordings" / "demo"),
    "HOTLINE_INSTALLATION": str(places.HOUSE / "installation" / "demo.toml"),
    "HOTLINE_SIP_HOST": "127.0.0.1",
    "HOTLINE_FRONT_HOST": "127.0.0.1",
    "HOTLINE_DEMO": "true",
}
"""Environment variables, unless told otherwise."""
