"""simple_http_server_jinja: answers made of jinja templates, `return JinjaView("page.html", {"name": "Ada"})`.

Laws:

* Templates are in the folder `templates` beside the program's main file, unless the program sets an environment of its own.
* What is put into HTML is escaped. An environment of the program's own does as that says.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hospes.app.template import Templates
from hospes.compat.simple_http_server.outgoing import Response
from hospes.compat.simple_http_server.process import PROCESS

if TYPE_CHECKING:
    import jinja2

DEFAULT_TAG: Final = "default"


def set_env(env: jinja2.Environment, tag: str = DEFAULT_TAG) -> None:
    """Have templates looked for in an environment of the program's own."""
    PROCESS.templates[tag] = env


def get_env(tag: str = DEFAULT_TAG) -> jinja2.Environment:
    """The environment of a tag.

    Raises:
        SetupError: if none was set, and jinja2 is not installed or the folder `templates` is not there.
    """
    if tag not in PROCESS.templates:
        file = getattr(sys.modules.get("__main__"), "__file__", None)
        PROCESS.templates[tag] = Templates(Path(file or "main").resolve().parent / "templates").environment
    found: jinja2.Environment = PROCESS.templates[tag]
    return found


def render(name: str, kwargs: Mapping[str, Any] | None = None, env_tag: str = DEFAULT_TAG) -> str:
    """A template's text.

    Args:
        name: The template's path in the folder.
        kwargs: What it sees.
        env_tag: Which environment it is of.
    """
    return get_env(env_tag).get_template(name).render(dict(kwargs or {}))


class JinjaView(Response):
    """An answer made of a template.

    Args:
        name: The template's path in the folder.
        kwargs: What it sees.
        env_tag: Which environment it is of.
        status_code: The answer's status.
        headers: Its fields.
    """

    def __init__(
        self,
        name: str,
        kwargs: Mapping[str, Any] | None = None,
        env_tag: str = DEFAULT_TAG,
        status_code: int = 200,
        headers: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(status_code, headers, render(name, kwargs, env_tag))
