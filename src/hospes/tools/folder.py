"""`hospes serve FOLDER`: a folder's files over HTTP, for a look at them.

Laws:

* This machine alone is served, unless another address is asked for.
* What `app.files` does not serve, this does not: no dot files, no links, no way out; and no listings unless they are asked for.
"""

from __future__ import annotations

from pathlib import Path

import click

from hospes.filters import Compress
from hospes.running import App


@click.command()
@click.argument("folder", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help='Address to listen on; "" is every interface.')
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65_535), help="Port; 0 takes a free one.")
@click.option("--listing", is_flag=True, help="Show what is in a directory that has no index.html.")
def serve(folder: Path, host: str, port: int, listing: bool) -> None:
    """Serve a folder's files: `hospes serve public`."""
    serving(folder, listing=listing).run(host, port)


def serving(folder: Path, *, listing: bool = False) -> App:
    """An app that serves a folder.

    Raises:
        SetupError: for a folder that is not there.
    """
    app = App(store="memory:")
    app.filter(Compress())
    app.files("/", folder, listing=listing)
    return app
