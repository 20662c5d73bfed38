"""The application: declarations in, one handler out."""

from hospes.app.application import Application
from hospes.app.events import Event, EventStream
from hospes.app.template import Template

__all__ = ["Application", "Event", "EventStream", "Template"]
