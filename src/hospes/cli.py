"""The command line: `hospes run module:app`, `hospes routes module:app`.

Laws:

* What can be done here can be done from Python with one call; the command line only finds the app and passes options on.
* A mistake ends with its message and status 2, without a traceback; a failing import of the program shows its traceback.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import click

from hospes.app import Application
from hospes.errors import SetupError
from hospes.running import App, python, run_workers, show_log, version
from hospes.server import ServerOptions, Worker, Workers
from hospes.server.carriers import carrier_name
from hospes.tools.serving import serving
from hospes.tools.sessions import sessions
from hospes.tools.users import users


class _Group(click.Group):
    """Turns a `SetupError` into a message and status 2."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except SetupError as error:
            raise _Mistake(str(error)) from None

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SetupError as error:
            raise _Mistake(str(error)) from None


class _Mistake(click.ClickException):
    exit_code = 2


def version_line() -> str:
    """Version, Python and active carrier in one line."""
    return f"hospes {version()}, {python()}, {carrier_name()} carrier"


def _show_version(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(version_line())
        ctx.exit()


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show versions and exit."
)
def main() -> None:
    """Serve HTTP with hospes."""


main.add_command(users)
main.add_command(sessions)


@main.command()
@click.argument("target", metavar="MODULE[:APP]")
@serving
def run(target: str, options: ServerOptions, workers: Workers | None) -> None:
    """Serve an app: `hospes run main:app`, `hospes run main.py`."""
    if workers is not None and not Worker.is_this_process():  # then each of them loads the app, and this process none
        show_log()
        sys.exit(run_workers(options, workers))
    load(target).run(workers=workers, options=options)


@main.command()
@click.argument("target", metavar="MODULE[:APP]")
def routes(target: str) -> None:
    """List an app's routes with the lines they are declared on."""
    for methods, pattern, source in _rows(load(target)):
        click.echo(f"{methods:<12} {pattern:<32} {source}")


def _rows(app: Application, prefix: str = "", around: tuple[Application, ...] = ()) -> Iterator[tuple[str, str, str]]:
    """Methods, path and line of each route; those of a mounted application below its prefix, and a folder as one row."""
    for route in app.routes:
        methods = ", ".join(sorted(route.methods)) or "any"
        yield methods, f"{prefix}{route.pattern}" if route.pattern else f"{prefix} regexp {route.regexp}".strip(), route.source
    for mount in app.mounts:
        below = prefix + unquote(mount.prefix)
        if not isinstance(mount.owner, Application):
            yield "any", f"{below}/**", mount.source
        elif mount.owner not in (app, *around):  # the start refuses circles
            yield from _rows(mount.owner, below, (app, *around))


def load(target: str) -> App:
    """Find an app.

    Args:
        target: `package.module:attribute`, `file.py:attribute`; without attribute `app`, or the one App there is.

    Raises:
        SetupError: if the module or the app in it is not there.
    """
    name, colon, attribute = target.rpartition(":")
    if not colon or not attribute.isidentifier():  # C:\\main.py
        name, attribute = target, ""
    module = _module(name)
    if attribute:
        found = getattr(module, attribute, None)
        if not isinstance(found, App):
            what = "is no App" if hasattr(module, attribute) else "is not there"
            raise SetupError(f"{attribute!r} in {name} {what}", remedy=f"name the variable that holds the App: {name}:app")
        return found
    apps = {key: value for key, value in vars(module).items() if isinstance(value, App)}
    if "app" in apps:
        return apps["app"]
    if len(set(map(id, apps.values()))) == 1:
        return next(iter(apps.values()))
    if not apps:
        from hospes.quick import default_app

        app = default_app()
        if app.routes or app.mounts:
            return app
        raise SetupError(f"{name} has no App", remedy="make one, `app = App()`, or name the module that does")
    raise SetupError(f"{name} has several Apps: {', '.join(apps)}", remedy=f"say which: {name}:{next(iter(apps))}")


def _module(name: str) -> ModuleType:
    if name.endswith(".py"):
        path = Path(name)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise SetupError(f"the file {name} is not there", remedy="name a Python file, or a module: package.module:app")
        # The program's own modules lie beside it.
        sys.path.insert(0, str(path.parent.resolve()))
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[path.stem]
            raise
        return module
    sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise SetupError(f"there is no module {name}", remedy="run it from the folder the module is in") from None
        raise
