"""Templates: an answer that jinja2 renders.

Laws:

* Everything a template shows is escaped unless the template says otherwise.
* jinja2 is an extra (`pip install hospes[templates]`); without it the first template says so.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hospes.errors import SetupError
from hospes.http.request import Request
from hospes.http.response import HTML, Response

if TYPE_CHECKING:
    from pathlib import Path

    import jinja2


class Templates:
    """A program's templates, read when the first one is rendered.

    Args:
        source: The folder where they are, or a jinja2 environment of the program's own.
    """

    def __init__(self, source: str | Path | jinja2.Environment) -> None:
        self._folder: str | Path = ""
        if isinstance(source, (str, os.PathLike)):
            self._folder = source
        else:
            if not hasattr(source, "get_template"):
                raise SetupError(
                    f"App(templates={source!r}) is no folder, and no jinja2 environment", remedy='App(templates="folder")'
                )
            self.environment = source  # in place of the one that would be made

    @property
    def folder(self) -> Path:
        """Where the templates are."""
        from pathlib import Path  # slow to import, and few programs have templates

        return Path(self._folder)

    def render(self, name: str, /, **values: Any) -> str:
        """A template's text, for a letter or whatever else is no answer.

        Args:
            name: The template's path in the folder.
            values: What it sees.

        Raises:
            SetupError: if jinja2 is not installed or the folder is not there.
            jinja2.TemplateError: if there is no such template, or it is malformed.
        """
        return self.environment.get_template(name).render(values)

    @cached_property
    def environment(self) -> jinja2.Environment:
        """The jinja2 environment, with HTML escaped; for filters, globals and options of the program's own.

        Raises:
            SetupError: if jinja2 is not installed or the folder is not there.
        """
        try:
            import jinja2
        except ImportError:
            raise SetupError("templates need jinja2", remedy='pip install "hospes[templates]"') from None
        if not self.folder.is_dir():
            raise SetupError(
                f"the template folder {str(self.folder)!r} is not there",
                remedy='make it, or name another: App(templates="folder")',
            )
        loader = jinja2.FileSystemLoader(self.folder)
        return jinja2.Environment(loader=loader, autoescape=jinja2.select_autoescape(default=True))


class Template:
    """An answer made of a template.

    Args:
        name: The template's path in the folder.
        status: Status code; 200.
        content_type: Media type; HTML.
        values: What the template sees, beside `request`.
    """

    def __init__(self, name: str, /, *, status: int = 200, content_type: str = HTML, **values: Any) -> None:
        self.name = name
        self.status = status
        self.content_type = content_type
        self.values = values

    def respond(self, request: Request) -> Response:
        """Render.

        Raises:
            SetupError: if there is no jinja2, or no folder.
        """
        templates: Templates | None = request.services.get(Templates)
        if templates is None:
            raise SetupError("a template was answered outside of an application", remedy="return it from a handler of an App")
        text = templates.render(self.name, **{"request": request, **self.values})
        return Response(text, self.status, content_type=self.content_type)
