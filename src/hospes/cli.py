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
from typing import Any, Literal
from urllib.parse import unquote

import click

from hospes.adapters import kind_of
from hospes.app import Application
from hospes.errors import SetupError
from hospes.lazily import signature_of
from hospes.running import App, Interface, Runnable, loading, python, run_workers, show_log, version
from hospes.running import host as host_application
from hospes.server import ServerOptions, Worker, Workers
from hospes.server.carriers import carrier_name
from hospes.store import StoreError
from hospes.tools.folder import serve
from hospes.tools.grouped import GroupedCommand
from hospes.tools.serving import GROUPS, VARIABLES, notes, serving
from hospes.tools.sessions import sessions
from hospes.tools.users import users


class _Group(click.Group):
    """Turns a `SetupError`, and a store that is away at the start, into a message and status 2."""

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
        except StoreError as error:
            mistake = SetupError(
                f"the store failed: {error.reason}", remedy="start it, or name another: HOSPES_STORE, App(store=…)"
            )
            raise _Mistake(str(mistake)) from None


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


main.add_command(serve)
main.add_command(users)
main.add_command(sessions)


@main.command(
    cls=GroupedCommand,
    short_help="Serve an application: `hospes run main:app`.",
    groups={"The application": ["--interface", "--factory"], **GROUPS},
    notes=notes(),
    epilog=VARIABLES,
)
@click.argument("target", metavar="MODULE[:APP]")
@click.option(
    "--interface",
    default="auto",
    type=click.Choice(["auto", "hospes", "asgi", "wsgi"]),
    metavar="KIND",
    help="What it is: hospes, asgi, wsgi, or auto to find it out.",
)
@click.option("--factory", is_flag=True, help="APP is a function that makes the application.")
@serving
def run(
    target: str,
    options: ServerOptions,
    workers: Workers | None,
    interface: Literal["auto", "hospes", "asgi", "wsgi"],
    factory: bool,
) -> None:
    """Serve an application of hospes, or any ASGI or WSGI application: `hospes run main:app`, `hospes run main.py`."""
    if workers is not None and not Worker.is_this_process():  # then each of them loads the app, and this process none
        show_log()
        sys.exit(run_workers(options, workers))
    application = find(target, "" if interface == "auto" else interface, factory=factory)
    application.run(workers=workers, options=options)


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
            yield "any", unquote(prefix + mount.text) if "*" in mount.text else f"{below}/**", mount.source
        elif mount.owner not in (app, *around):  # the start refuses circles
            yield from _rows(mount.owner, below, (app, *around))


def load(target: str) -> App:
    """Find an app of hospes.

    Args:
        target: `package.module:attribute`, `file.py:attribute`, also with dots; without attribute `app`, or the one App there is.

    Raises:
        SetupError: if the module or the app in it is not there.
    """
    name, attribute = _parts(target)
    module = _module(name)
    if attribute:
        found = _attribute(module, name, attribute)
        if not isinstance(found, App):
            problem = f"{attribute!r} in {name} is no App, but {type(found).__qualname__}"
            raise SetupError(problem, remedy="name the variable that holds an App of hospes; others' routes are not known here")
        return found
    found = _only_app(module, name) or _used_default_app()
    if found is None:
        raise SetupError(f"{name} has no App", remedy="make one, `app = App()`, or name the module that does")
    return found


def find(target: str, interface: Interface = "", *, factory: bool = False) -> Runnable:
    """Find what is to be served: an app of hospes, or another framework's application.

    Args:
        target: As for `load`; without attribute also the variable `app` or `application`, or the function `create_app` or
            `make_app` if it is a factory.
        interface: What the application is, where that cannot be found out.
        factory: Whether the attribute is a function that makes the application.

    Raises:
        SetupError: if it is not there, or if what it is cannot be told.
    """
    name, attribute = _parts(target)
    module = _module(name)
    if not attribute and not factory and (app := _only_app(module, name)) is not None:
        return app
    usual = _FACTORIES if factory else _APPLICATIONS
    attribute = attribute or next((each for each in usual if callable(getattr(module, each, None))), "")
    if not attribute:
        if not factory and (app := _used_default_app()) is not None:
            return app
        what = "no function" if factory else "no App, and no application"
        problem = f"{name} has {what} named {' or '.join(usual)}"
        raise SetupError(problem, remedy=f"say which variable it is: {name}:{usual[0]}")
    found = _attribute(module, name, attribute)
    if factory:
        if not callable(found):
            raise SetupError(f"{attribute!r} in {name} is no function", remedy="leave --factory out for what is an application")
        found = _call(found, attribute, name)
    elif not interface and not isinstance(found, App) and kind_of(found) == "factory":
        problem = f"{attribute!r} in {name} takes nothing, so it is no application"
        raise SetupError(problem, remedy="if it makes one, add --factory")
    return host_application(found, interface)


def _call(factory: Any, attribute: str, name: str) -> Any:
    try:
        signature = signature_of(factory)
    except (TypeError, ValueError):  # written in C, it says nothing of itself
        return factory()
    try:
        signature.bind()
    except TypeError:
        remedy = "let it take what it needs from the environment, or write a function without parameters that calls it"
        wanted = ", ".join(signature.parameters)
        raise SetupError(
            f"the factory {attribute}({wanted}) in {name} cannot be called without arguments", remedy=remedy
        ) from None
    return factory()


_APPLICATIONS = ("app", "application")
_FACTORIES = ("create_app", "make_app")


def _parts(target: str) -> tuple[str, str]:
    """Module, or file, and attribute."""
    name, colon, attribute = target.rpartition(":")
    if not colon or target.endswith(".py"):  # C:\\main.py
        return target, ""
    is_module = name.endswith(".py") or all(name.split("."))
    if not is_module or not all(map(str.isidentifier, attribute.split("."))):
        raise SetupError(f"{target!r} names no application", remedy="write package.module:app, or file.py:app")
    return name, attribute


def _attribute(module: ModuleType, name: str, attribute: str) -> Any:
    found: Any = module
    for each in attribute.split("."):
        if not hasattr(found, each):
            raise SetupError(f"{attribute!r} in {name} is not there", remedy=f"name the variable that holds the App: {name}:app")
        found = getattr(found, each)
    return found


def _only_app(module: ModuleType, name: str) -> App | None:
    """The variable `app`, or the one App of a module; None where there is none."""
    apps = {key: value for key, value in vars(module).items() if isinstance(value, App)}
    if "app" in apps:
        return apps["app"]
    if len(set(map(id, apps.values()))) == 1:
        return next(iter(apps.values()))
    if apps:
        raise SetupError(f"{name} has several Apps: {', '.join(apps)}", remedy=f"say which: {name}:{next(iter(apps))}")
    return None


def _used_default_app() -> App | None:
    """The default app, if anything has been declared on it."""
    from hospes.quick import default_app

    app = default_app()
    return app if app.routes or app.mounts else None


def _module(name: str) -> ModuleType:
    token = loading.set(name)
    try:
        return _loaded(name)
    finally:
        loading.reset(token)


def _loaded(name: str) -> ModuleType:
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
            package, dot, last = name.rpartition(".")
            more = f"; for a variable of a module write {package}:{last}" if dot else ""
            raise SetupError(f"there is no module {name}", remedy=f"run it from the folder the module is in{more}") from None
        raise
