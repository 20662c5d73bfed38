"""What `hospes users` and `hospes sessions` share: the store's option, what is said, and moving from one store to another."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hospes.app.application import DEFAULT_STORE
from hospes.errors import SetupError
from hospes.tools import migration
from hospes.tools.opened import opened, run

C = TypeVar("C", bound=Callable[..., Any])


def store_option(command: C) -> C:
    """Give a command the option `--store`."""
    return click.option(
        "--store", envvar="HOSPES_STORE", default=DEFAULT_STORE, show_default=True, metavar="URL", help="The store's URL."
    )(command)


def file_argument(command: C) -> C:
    """Give a command the argument FILE, which has to be there."""
    return click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))(command)


def overwrite_option(command: C) -> C:
    """Give a command the option `--overwrite`."""
    return click.option("--overwrite", is_flag=True, help="Replace what is there; else it stays.")(command)


def yes_option(command: C) -> C:
    """Give a command the option `--yes`."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(command)


def say(count: int, what: str, how: str = "") -> None:
    """Say on standard error how many there were."""
    click.echo(f"{many(count, what)} {how}".rstrip(), err=True)


def many(count: int, what: str) -> str:
    """A number of things: "1 record", "2,000 records"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


@click.command()
@click.argument("source")
@click.argument("target")
@click.option("--overwrite", is_flag=True, help="Replace what is different in TARGET, and delete what SOURCE does not have.")
def migrate(source: str, target: str, overwrite: bool) -> None:
    """Copy everything in the store SOURCE to the store TARGET: visitors, sessions, keys.

    Stop the server first. If this is interrupted, run it again: it goes on where it was. At the end both are compared, record by
    record.
    """
    if source == target:
        raise SetupError("the source and the target are the same store", remedy="name two different URLs")

    async def work() -> migration.Comparison:
        async with opened(source) as ours, opened(target) as theirs:
            total = await migration.count(ours)
            with click.progressbar(length=total, label="copying", file=sys.stderr) as bar:
                return await migration.copy(ours, theirs, bar.update, overwrite)

    done = run(work())
    click.echo(f"{many(done.records, 'record')} in both stores, SHA-256 {done.checksum}", err=True)
