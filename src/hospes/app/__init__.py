"""The application: declarations in, one handler out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospes.lazily import lazily

if TYPE_CHECKING:
    from hospes.app.application import Application
    from hospes.app.events import Event, EventStream
    from hospes.app.template import Template
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "application": "Application",
            "events": "Event EventStream",
            "template": "Template",
        },
    )

__all__ = ["Application", "Event", "EventStream", "Template"]
