"""Templates: an answer that jinja2 renders.

Laws:

* Everything a template shows is escaped unless the template says otherwise.
* jinja2 is an extra (`pip install hospes[templates]`); without it the first template says so.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hospes.errors import SetupError
from hospes.http.request import Request
from hospes.http.response import HTML, Response

if TYPE_CHECKING:
    import jinja2


class Templates:
    """A folder of templates, read when the first one is rendered.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def environment(self) -> jinja2.Environment:
        """The jinja2 environment, with HTML escaped.

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
        text = templates.environment.get_template(self.name).render({"request": request, **self.values})
        return Response(text, self.status, content_type=self.content_type)
