"""`python -m hospes.compat.simple_http_server -p 9090 -b 127.0.0.1`: serve a folder, or controllers that are scanned for."""

from __future__ import annotations

import click

from hospes.compat.simple_http_server import logger, server


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-p", "--port", default=9090, show_default=True, type=click.IntRange(0, 65_535), help="Port; 0 takes a free one.")
@click.option("-b", "--bind", default="127.0.0.1", show_default=True, help='Address to listen on; "" is every interface.')
@click.option("-s", "--scan", "project", default="", help="Folder in which controllers are looked for.")
@click.option("--regex", default="", help="Which modules there, by path or name; all by default.")
@click.option("-r", "--resources", default="", help="Folder whose files are served; without --scan the current one.")
@click.option("--loglevel", default="", help="DEBUG, INFO, WARNING, ERROR.")
def main(port: int, bind: str, project: str, regex: str, resources: str, loglevel: str) -> None:
    """Serve a folder's files, or the controllers found in one."""
    if loglevel:
        logger.set_level(loglevel)
    if project:
        server.scan(regx=regex, project_dir=project)
    folder = resources or ("" if project else ".")
    server.start(host=bind, port=port, resources={"/**": folder} if folder else {})


if __name__ == "__main__":
    main(prog_name="python -m hospes.compat.simple_http_server")
