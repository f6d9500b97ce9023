"""How every process writes its log: constant text with fields, an error's lines without the values that stood in them."""

from __future__ import annotations

import logging
import sys

import structlog

from hotline.settings import settings


def begin() -> None:
    """From the level HOTLINE_LOG_LEVEL on. Values of local variables would put callers' data into the log, and take a second."""
    level = logging.getLevelNamesMapping().get(settings().log_level.upper(), logging.INFO)
    *others, _ = structlog.get_config()["processors"]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level), processors=[*others, console]
    )
