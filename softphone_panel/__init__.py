"""The desks: pages for operators, supervisors and administrators, and the stream that keeps them live."""

from __future__ import annotations

from flask import Flask


def create_app() -> Flask:
    """The panel; see softphone_panel.application."""
    from softphone_panel import application

    return application.create()
